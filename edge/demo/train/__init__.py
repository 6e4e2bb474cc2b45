"""How the bundled model is made. Not used at run time; needs torch and optimum-intel."""

"""The names of models that are not the user's own: the default one, and the bundled small one."""

DEFAULT_MODEL = "OpenVINO/Qwen3-VL-2B-Instruct-int8-ov"  # on the hub
DEMO_MODEL = "demo"

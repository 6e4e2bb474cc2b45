"""HTTP: the API, the OpenAI-compatible endpoint and the page, in a thread of their own.

Owns fastapi, starlette and uvicorn. Knows neither the daemon nor the store: what it needs of them
stands in `inside.py`. Imported only where HTTP is enabled, because it takes a second to import.
"""

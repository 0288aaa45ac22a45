"""The API's description of itself: the OpenAPI document, and a page to read it."""

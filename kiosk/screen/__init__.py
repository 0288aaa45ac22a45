"""The screen at the window: a page served on this device only, shown by a browser in kiosk mode.

`view` decides what is to be seen (pure; `shown` is its data), `application` serves it, `server`
runs it, `source` takes it from the service. Imported only when `screen.enabled` is set: Flask and
waitress cost memory.
"""

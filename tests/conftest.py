import asyncio

# pytest-asyncio asks for the thread's event loop before it sets its own, and asyncio makes one then that nobody closes:
# a ResourceWarning, which is an error here. There is none to be had.
asyncio.set_event_loop(None)

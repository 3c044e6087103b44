"""serve_files(app, "index.html", "htmx.min.js"): the first is at / and each at its name. What lies here packed, as
htmx.min.js.gz, is sent packed, and the browser unpacks it: a third of the flash, and of the time on the air."""

import os

from microdot import send_file


def serve_files(app, *names):
    for name in names:
        packed = name + ".gz" in os.listdir()

        async def answer(request, name=name, packed=packed):
            return send_file(name, compressed=packed, file_extension=".gz" if packed else "")

        app.get("/" + name)(answer)
        if name == names[0]:
            app.get("/")(answer)

"""Puts a node into a class: asks for the ticket of its sheet and writes config.json. On a board: import join

It keeps what config.json says of Wi-Fi, sensors and board. Where nobody can type (mpremote exec), it takes the ticket
from a file `ticket.txt` beside config.json, which it removes. On a PC: micropython node/join.py
"""

import json
import os
import sys

HERE = sys.path[0] + "/" if sys.path[0] else ""
CONFIG, FRESH, TICKET = HERE + "config.json", HERE + "config.new", HERE + "ticket.txt"
PC = sys.platform in ("linux", "darwin", "win32")


def main():
    if not HERE:
        try:
            import slot

            slot.add_to_path(sys.path, slot.running())
        except ImportError:
            pass  # copied by hand: everything lies beside this file
    from fleet_schema import ticket

    text, typed = _read_ticket()
    while True:
        try:
            found = ticket.parse(text)
            break
        except ticket.TicketError as error:
            print("That is no ticket: " + str(error) + ".")
            if not typed:
                return False
        text = input("Ticket (an empty line gives up): ")
        if not text.strip():
            return False
    config = _read_config()
    before = (config.get("node") or found["node"], config.get("base") or found["base"])
    if before != (found["node"], found["base"]):
        config.pop("name", None)  # it was somebody else's
        print("This was " + before[0] + " of " + before[1] + "; what it kept of that is removed.")
        _forget(config)
    config.update(ticket.config(found))
    if found["tls"]:
        config["broker"]["http"] = ticket.http_port(text)
    if not PC:
        config["board"] = config.get("board") or {"rp2": "pico_w"}.get(sys.platform, sys.platform)
        _ask_wifi(config)
    with open(FRESH, "w") as file:
        json.dump(config, file)
    _replace(FRESH, CONFIG)
    print("This is " + found["node"] + " of class " + found["base"] + ", broker " + found["host"] + ".")
    if found["tls"]:
        print("Its ticket is for TLS: it gets the CA certificate from the dashboard, and compares it with the ticket.")
    print("Now " + ("start it: micropython node/main.py" if PC else "press reset") + ". It says whether it works.")
    return True


def _read_ticket():
    """(text, did a person type it)."""
    try:
        with open(TICKET) as file:
            text = file.read()
        os.remove(TICKET)  # the secret is in one place only
        return text, False
    except OSError:
        return input("Ticket (the line of your sheet): "), True


def _read_config():
    """What there is; the example in place of none. One that is broken is kept as config.bad."""
    for path in (CONFIG, HERE + "config.example.json"):
        try:
            with open(path) as file:
                config = json.load(file)
            if isinstance(config, dict):
                if path != CONFIG:
                    config.update(node="", name="", base="")
                return config
            raise ValueError
        except OSError:
            pass
        except ValueError:
            print(path + " is not JSON: it is kept as config.bad, and a new one is made.")
            _replace(path, HERE + "config.bad")
    return {"sensors": []}


def _ask_wifi(config):
    wifi = config.get("wifi") or {}
    if not wifi.get("ssid"):
        print("This board has no Wi-Fi yet.")
        wifi = {"ssid": input("Name of the Wi-Fi: "), "password": input("Its password: ")}
    config["wifi"] = wifi


def _forget(config):
    """Name, groups and waiting readings of another node must not come out under this one's id."""
    state, folder = config.get("state"), config.get("journal")
    paths = [state + ".a", state + ".b"] if state else []
    try:
        paths += [folder + "/" + name for name in os.listdir(folder) if name[-2:] == ".j"] if folder else []
    except OSError:
        pass  # there is none
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass


def _replace(old, new):
    """FAT, on some boards, does not rename onto a file that is there."""
    try:
        os.remove(new)
    except OSError:
        pass
    os.rename(old, new)


try:
    main()
except (KeyboardInterrupt, EOFError):
    print("Nothing was changed.")
sys.modules.pop("join", None)  # so that `import join` asks again

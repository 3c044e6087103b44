"""What each standard command does on this node. Owns the mute; everything else belongs to those it calls.

A handler takes checked arguments and gives (runs on?, result or None), or raises Refused. None of them waits.
"""

from fleet_node.commands import Refused
from fleet_node.player import Player, blink, set_tone
from fleet_schema import SchemaError, commands

DONE = (False, None)
RUNS_ON = (True, None)
BEEP_HZ = 1500


class Actions:
    """`board` as in boards/__init__.py, `uptime` as in uptime.py, `pause` a Pause. `changed(key)` is called after
    name, period or groups were changed; `rebirth()` says status and meta again; `reset()` begins a clean reset."""

    def __init__(self, board, settings, uptime, pause, changed, rebirth, reset):
        self._board = board
        self._settings = settings
        self._uptime = uptime
        self._pause = pause
        self._changed = changed
        self._rebirth = rebirth
        self._reset = reset
        self._muted_until = 0  # ms of uptime: ticks would wrap, and a mute of last week begin again
        self._buzzer = Player(lambda hz: set_tone(board.buzzer, hz)) if board.buzzer else None
        self._light = Player(board.led.value) if board.led else None
        self.handlers = {name: getattr(self, name) for name in commands.STANDARD}

    def tasks(self):
        """[(name, coroutine function)] to be run."""
        players = (("buzzer", self._buzzer), ("led", self._light))
        return [("pause", self._pause.run)] + [(name, player.run) for name, player in players if player]

    def identify(self, args):
        self._check_mute()
        if not self._buzzer and not self._light:
            raise Refused("fail", "this board has no LED and no buzzer")
        if self._light:
            self._light.play(blink(args["ms"]))
        if self._buzzer:
            self._buzzer.play(blink(args["ms"], BEEP_HZ, 100, 300))
        return RUNS_ON

    def echo(self, args):
        return False, args["text"]

    def rebirth(self, args):
        self._rebirth()
        return DONE

    def period(self, args):
        self._keep("period", args["ms"])
        return False, args["ms"]

    def name(self, args):
        self._keep("name", args["name"])
        return False, args["name"]

    def groups(self, args):
        groups = commands.split_groups(args["groups"])
        self._keep("groups", groups)
        return False, ",".join(groups)

    def buzz(self, args):
        """A tune if there is one, else one tone. The last command wins: it replaces what is being played."""
        self._check_mute()
        if not self._buzzer:
            raise Refused("fail", "this board has no buzzer")
        steps = ((args["hz"], args["ms"]),)
        if args["tune"]:
            from fleet_node.tunes import tune_steps

            try:
                steps = tune_steps(args["tune"]) or steps
            except ValueError as error:
                raise SchemaError("F-CMD-4", str(error))
        self._buzzer.play(steps)
        return RUNS_ON

    def led(self, args):
        """On or off; back to off after `ms`, if that is not 0."""
        self._check_mute()
        if not self._light:
            raise Refused("fail", "this board has no LED")
        if not args["on"]:
            self._light.stop()
            return DONE
        self._light.play(((1, args["ms"] or None),))
        return RUNS_ON if args["ms"] else DONE

    def say(self, args):
        self._check_mute()
        self._board.say(args["text"])
        return DONE

    def mute(self, args):
        """No light, no sound, no text for `s` seconds; 0 ends a mute."""
        self._muted_until = self._uptime.ms() + args["s"] * 1000
        if args["s"]:
            for player in (self._buzzer, self._light):
                if player:
                    player.stop()
        return False, args["s"]

    def pause(self, args):
        """No readings and no events for `s` seconds; 0 ends a pause."""
        self._pause.set(args["s"])
        return False, args["s"]

    def reset(self, args):
        self._reset()
        return RUNS_ON

    def _check_mute(self):
        left_ms = self._muted_until - self._uptime.ms()
        if left_ms > 0:
            raise Refused("muted", "muted for " + str(-(-left_ms // 1000)) + " s more")

    def _keep(self, key, value):
        lost = None
        try:
            self._settings.change(key, value)
        except OSError as error:
            lost = error
        self._changed(key)
        if lost:
            raise Refused("fail", "changed, but lost at the next reset: " + str(lost))

"""Sitronix ST7789V2 behind the glass of an M5StickC PLUS (datasheet version 1.2, section 9.1: commands).

The chip's memory is 240 columns by 320 rows; the glass shows columns 52 to 186 and rows 40 to 279. It shows
the opposite of what is in memory unless inversion is on. `look` is what a person sees who holds the board on
its side. What is against the datasheet is noted in `faults`.
"""

import time

import framebuf

COLUMNS, ROWS = 240, 320
GLASS_COLUMNS, GLASS_ROWS = (52, 187), (40, 280)
_MY, _MX, _MV = 0x80, 0x40, 0x20  # MADCTL, section 9.1.28
_WAKE_MS = 5  # section 9.1.12: after Sleep Out, and after a reset


class ST7789:
    def __init__(self, dc, cs, rst, light, ticks_ms=time.ticks_ms):
        self._dc, self._cs, self._rst, self._light = dc, cs, rst, light
        self._ticks_ms = ticks_ms
        self.memory = bytearray(b"\x5a" * (2 * COLUMNS * ROWS))  # after power on it is noise
        self.faults = []
        self.written = 0  # bytes of pixels
        self._reset()

    def _reset(self):
        self._asleep, self._shown, self._inverted = True, False, False
        self._madctl, self._depth = 0, 0x66
        self._columns, self._rows = (0, COLUMNS - 1), (0, ROWS - 1)
        self._command = None
        self._data = b""
        self._deaf_since = self._ticks_ms()

    def write(self, buf):
        if self._cs.value():
            return
        if not self._rst.value():
            self.faults.append("written to in reset")
        elif not self._dc.value():
            for number in bytes(buf):
                self._do(number)
        elif self._command == 0x2C:
            self._pixels(buf)
        else:
            self._data += bytes(buf)
            self._set()

    def _do(self, number):
        if time.ticks_diff(self._ticks_ms(), self._deaf_since) < _WAKE_MS:
            self.faults.append("command %02x too early" % number)
        self._command, self._data = number, b""
        if number == 0x01:
            self._reset()
        elif number == 0x11:
            self._asleep = False
            self._deaf_since = self._ticks_ms()
        elif number in (0x20, 0x21):
            self._inverted = number == 0x21
        elif number in (0x28, 0x29):
            self._shown = number == 0x29
        elif number == 0x2C:
            self._at = 0
        elif number not in (0x2A, 0x2B, 0x36, 0x3A):
            self.faults.append("unknown command %02x" % number)

    def _set(self):
        data = self._data
        if self._command == 0x36:
            self._madctl = data[0]
        elif self._command == 0x3A:
            self._depth = data[0]
        elif len(data) == 4:
            ends = (data[0] << 8 | data[1], data[2] << 8 | data[3])
            if ends[0] > ends[1] or ends[1] >= self._limit(self._command):
                self.faults.append("range %r of command %02x" % (ends, self._command))
            elif self._command == 0x2A:
                self._columns = ends
            else:
                self._rows = ends

    def _limit(self, command):
        """Columns are rows when the two are exchanged."""
        return COLUMNS if (command == 0x2A) != bool(self._madctl & _MV) else ROWS

    def _pixels(self, buf):
        if self._depth & 7 != 5:
            self.faults.append("not 16 bits a pixel")
        self.written += len(buf)
        (left, right), (top, bottom) = self._columns, self._rows
        width = right - left + 1
        for i in range(0, len(buf), 2):
            column, row = left + self._at % width, top + self._at // width
            if row > bottom:
                self._at, column, row = 0, left, top
            self._at += 1
            if self._madctl & _MV:
                column, row = row, column
            if self._madctl & _MX:
                column = COLUMNS - 1 - column
            if self._madctl & _MY:
                row = ROWS - 1 - row
            place = 2 * (row * COLUMNS + column)
            self.memory[place : place + 2] = buf[i : i + 2]

    def look(self, x, y):
        """The colour (16 bits) that is seen at x 0 to 239, y 0 to 134."""
        if self._asleep or not self._shown or not self._light.value():
            return 0
        place = 2 * ((GLASS_ROWS[0] + x) * COLUMNS + GLASS_COLUMNS[1] - 1 - y)
        color = self.memory[place] << 8 | self.memory[place + 1]
        return color if self._inverted else color ^ 0xFFFF

    def text(self, y, scale):
        """(text, colour) of the line at row `y`: places are compared with framebuf's letters; `?` is none."""
        known = _alphabet()
        text, color = "", 0
        for left in range(0, 240 - 8 * scale + 1, 8 * scale):
            rows = []
            for row in range(8):
                bits = 0
                for column in range(8):
                    found = self.look(left + column * scale + scale // 2, y + row * scale + scale // 2)
                    color = found or color
                    bits = bits << 1 | (found != 0)
                rows.append(bits)
            text += known.get(bytes(rows), "?")
        return text.rstrip(), color

    def picture(self, path):
        """What is seen, as a PPM file."""
        with open(path, "wb") as file:
            file.write(b"P6 240 135 255\n")
            for y in range(135):
                for x in range(240):
                    color = self.look(x, y)
                    file.write(bytes((color >> 8 & 0xF8, color >> 3 & 0xFC, color << 3 & 0xF8)))


_letters = {}


def _alphabet():
    """{8 rows of 8 pixels: letter}"""
    for code in () if _letters else range(32, 127):
        data = bytearray(8)
        framebuf.FrameBuffer(data, 8, 8, framebuf.MONO_HLSB).text(chr(code), 0, 0, 1)
        _letters[bytes(data)] = chr(code)
    return _letters

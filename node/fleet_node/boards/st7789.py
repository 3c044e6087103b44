"""Sitronix ST7789V2, a colour screen on SPI (datasheet version 1.2), as lines of text on black. One row is in RAM.

The chip has memory for 240 x 320 pixels, the glass of an M5StickC PLUS shows 135 x 240 of them: columns 52 to 186, rows
40 to 279. It is used lying on its side, 240 wide.
"""

import framebuf

WIDTH, HEIGHT = 240, 135
X, Y = 40, 53  # the left upper pixel: row 40, and, since columns are mirrored (239 - n), column 186
CHAR = 8  # framebuf's letters are 8 x 8

# Red and blue are alike in these, because panels differ in their order. Bytes as they travel: high one first.
BLACK, WHITE, GREEN, PINK = 0x0000, 0xFFFF, 0xE007, 0x1FF8

_SWRESET, _SLPOUT, _INVON, _DISPON = 0x01, 0x11, 0x21, 0x29  # section 9.1
_CASET, _RASET, _RAMWR, _MADCTL, _COLMOD = 0x2A, 0x2B, 0x2C, 0x36, 0x3A
_ON_ITS_SIDE = b"\x60"  # MX, MV: columns mirrored, and exchanged with rows
_RGB565 = b"\x55"


class ST7789:
    """`dc`, `cs`, `rst`, `light` are Pins of mode OUT."""

    def __init__(self, spi, dc, cs, rst, light, sleep_ms):
        self._spi = spi
        self._dc = dc
        self._cs = cs
        self._rst = rst
        self._light = light
        self._sleep_ms = sleep_ms

    async def start(self):
        """Reset, wake, black; 300 ms."""
        for level in (0, 1):
            self._rst.value(level)
            await self._sleep_ms(10)
        await self._sleep_ms(120)
        self._command(_SWRESET)
        await self._sleep_ms(150)  # section 9.1.2: 120 ms when it slept
        self._command(_SLPOUT)
        await self._sleep_ms(10)
        self._command(_COLMOD, _RGB565)
        self._command(_MADCTL, _ON_ITS_SIDE)
        self._command(_INVON)  # this glass shows the opposite of what it is told
        for y in range(0, HEIGHT, CHAR):
            await self.line(min(y, HEIGHT - CHAR), "", 1, BLACK)
        self._command(_DISPON)
        self._light.value(1)

    async def line(self, y, text, scale, color):
        """One line of `text` over the whole width, in letters of 8 * `scale` pixels, from row `y`. The loop runs."""
        letters = framebuf.FrameBuffer(bytearray(WIDTH), WIDTH, CHAR, framebuf.MONO_HLSB)
        letters.text(text[: WIDTH // (CHAR * scale)], 0, 0, 1)
        data = bytearray(2 * WIDTH)
        row = framebuf.FrameBuffer(data, WIDTH, 1, framebuf.RGB565)
        self._command(_CASET, _range(X, WIDTH))
        self._command(_RASET, _range(Y + y, CHAR * scale))
        self._command(_RAMWR)
        for y in range(CHAR):
            row.fill(BLACK)
            for x in range(WIDTH // scale):
                if letters.pixel(x, y):
                    row.fill_rect(x * scale, 0, scale, 1, color)
            self._cs.value(0)
            for _ in range(scale):
                self._spi.write(data)
            self._cs.value(1)
            await self._sleep_ms(0)

    def _command(self, number, data=b""):
        self._cs.value(0)
        self._dc.value(0)
        self._spi.write(bytes((number,)))
        self._dc.value(1)  # whatever follows is data
        if data:
            self._spi.write(data)
        self._cs.value(1)


def _range(first, count):
    return first.to_bytes(2, "big") + (first + count - 1).to_bytes(2, "big")

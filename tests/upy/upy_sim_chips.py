"""The simulated chips keep the times and habits of their datasheets, judged at the bus."""

import time

import devices
import machine
from upy_sensors import bench
from world import World


def nacks(call, *args):
    """The errno with which the bus refuses, or None."""
    try:
        call(*args)
    except OSError as error:
        return error.errno


class Chip:
    """One chip on a bus of its own, and its clock in our hand."""

    def __init__(self, name):
        self.us = 0
        self.world = World("chip", lambda: self.us // 1000, noise=0)
        self.address, self.device = devices.make(name, self.world, lambda: self.us)
        machine.bus(7).clear()
        machine.bus(7)[self.address] = self.device
        self.i2c = machine.I2C(7)
        self.us += 200000  # it has started up

    def write(self, *data):
        return self.i2c.writeto(self.address, bytes(data))

    def read(self, n):
        return self.i2c.readfrom(self.address, n)

    def regs(self, at, n):
        return self.i2c.readfrom_mem(self.address, at, n)


def test_the_bus_lists_and_refuses_like_esp32_or_rp2():
    bench("sht4x", "bmp280", "mpu6886")
    time.sleep_ms(20)
    i2c = machine.I2C(0)
    assert i2c.scan() == [0x44, 0x68, 0x76], i2c.scan()
    assert nacks(i2c.writeto, 0x50, b"x") == 19
    machine.chip("rp2")
    try:
        assert nacks(i2c.readfrom, 0x50, 1) == 5
    finally:
        machine.chip("esp32")


def test_all_ways_to_move_bytes_are_the_same_transactions():
    chip = Chip("mpu6886")
    i2c = chip.i2c
    assert i2c.writevto(0x68, (b"\x6b", b"\x00")) == 2
    i2c.writeto_mem(0x68, 0x19, b"\x07")
    i2c.writeto(0x68, b"\x19", False)
    assert i2c.readfrom(0x68, 1) == b"\x07"
    buf = bytearray(1)
    i2c.readfrom_mem_into(0x68, 0x19, buf)
    assert buf == b"\x07"
    soft = machine.SoftI2C(scl=machine.Pin(1), sda=machine.Pin(2))
    assert isinstance(soft, machine.I2C)


def test_a_16_bit_memory_address_is_two_bytes_on_the_wire():
    seen = []

    class Memory(devices.Device):
        def write(self, data):
            seen.append(data)
            return len(data)

        def read(self, n):
            return b"\x2a" * n

        def stop(self):
            seen.append("stop")

    machine.bus(6)[0x50] = Memory(None, time.ticks_us)
    i2c = machine.I2C(6)
    assert i2c.readfrom_mem(0x50, 0x1234, 2, addrsize=16) == b"\x2a\x2a"
    i2c.writeto_mem(0x50, 0x12, b"z", addrsize=16)
    assert seen == [b"\x12\x34", "stop", b"\x00\x12z", "stop"], seen


def test_sht4x_refuses_while_it_measures_and_gives_its_result_once():
    chip = Chip("sht4x")
    assert nacks(chip.read, 6) == 19, "nothing was measured yet"
    chip.write(0xFD)
    chip.us += 8200
    assert nacks(chip.read, 6) == 19, "8.2 ms after the start"
    assert chip.i2c.scan() == []
    chip.us += 200
    answer = chip.read(6)
    assert devices.crc8(answer[0:2]) == answer[2] and devices.crc8(answer[3:5]) == answer[5], answer
    assert nacks(chip.read, 6) == 19, "a result is fetched once"
    assert devices.crc8(b"\xbe\xef") == 0x92


def test_sht4x_low_precision_is_faster():
    chip = Chip("sht4x")
    chip.write(0xE0)
    chip.us += 1700
    assert len(chip.read(6)) == 6


def test_aht20_is_busy_for_80_ms_and_meanwhile_gives_old_data():
    chip = Chip("aht20")
    assert chip.read(1)[0] & 0x08 == 0, "not calibrated at power-on"
    chip.write(0xBE, 8, 0)
    chip.us += 11000
    chip.write(0xAC, 0x33, 0)
    chip.us += 79000
    answer = chip.read(7)
    assert answer[0] & 0x80 and answer[1:6] == bytes(5), answer
    chip.us += 2000
    answer = chip.read(7)
    assert answer[0] == 0x18 and answer[1:6] != bytes(5) and devices.crc8(answer[:6]) == answer[6], answer


def test_aht20_does_not_answer_while_it_resets():
    chip = Chip("aht20")
    chip.write(0xBA)
    assert nacks(chip.read, 1) == 19
    chip.us += 21000
    assert nacks(chip.read, 1) is None


def test_bmp280_measures_as_long_as_its_oversampling_asks_and_then_sleeps():
    chip = Chip("bmp280")
    assert chip.regs(0xF7, 6) == b"\x80\0\0\x80\0\0", "the data registers start at 0x80000"
    for osrs_t, osrs_p, longest_us in ((1, 1, 6425), (1, 3, 13325), (2, 5, 43225)):
        chip.i2c.writeto_mem(0x76, 0xF4, bytes([osrs_t << 5 | osrs_p << 2 | 1]))
        chip.us += longest_us - 100
        assert chip.regs(0xF3, 1)[0] & 8, "measuring bit"
        chip.us += 200
        assert chip.regs(0xF3, 1)[0] & 8 == 0
        assert chip.regs(0xF4, 1)[0] & 3 == 0, "back in sleep mode"


def test_bmp280_goes_on_by_itself_in_normal_mode():
    chip = Chip("bmp280")
    chip.world.apply("set press 1000")
    chip.i2c.writeto_mem(0x76, 0xF4, b"\x27")
    chip.us += 10000
    first = chip.regs(0xF7, 3)
    chip.world.apply("set press 1010")
    chip.us += 10000
    second = chip.regs(0xF7, 3)
    assert first != b"\x80\0\0" and second != first


def test_bmp280_takes_pairs_in_a_longer_write():
    chip = Chip("bmp280")
    chip.write(0xF5, 0xA0, 0xF4, 0x25)
    assert chip.regs(0xF5, 1) == b"\xa0"
    assert chip.regs(0xF3, 1)[0] & 8


def test_mpu6886_sleeps_at_first_and_settles_after_waking():
    chip = Chip("mpu6886")
    assert chip.regs(0x75, 1) == b"\x19"
    assert chip.regs(0x3B, 6) == bytes(6), "asleep"
    chip.write(0x6B, 0x01)
    chip.us += 15000
    assert chip.regs(0x3B, 6) == bytes(6), "settling"
    chip.us += 6000
    assert chip.regs(0x3A, 1) == b"\x01", "data are ready"
    assert chip.regs(0x3F, 2) == b"\x40\x00", "1 g is 16384 at +-2 g"
    chip.write(0x1C, 0x18)
    assert chip.regs(0x3F, 2) == b"\x08\x00", "and 2048 at +-16 g"
    chip.world.apply("tilt 0 0 20")
    assert chip.regs(0x3F, 2) == b"\x7f\xff", "it saturates"


def test_mpu6886_leaves_a_standby_axis_alone():
    chip = Chip("mpu6886")
    chip.write(0x6B, 0x01)
    chip.us += 25000
    chip.regs(0x3B, 6)
    chip.write(0x6C, 0x08)
    chip.world.apply("tilt 1 0 0")
    assert chip.regs(0x3B, 6) == b"\x40\0\0\0\x40\0", "z keeps its last value"

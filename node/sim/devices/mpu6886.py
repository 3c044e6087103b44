"""TDK InvenSense MPU-6886, acceleration, rotation and die temperature (datasheet DS-000193, revision 1.1).

Section 3: sensitivities and start-up times. Section 9: registers. It wakes asleep (0x6B = 0x41): its data
registers hold zero until it was woken and the accelerometer has settled.
"""

from devices import Registers, clamp

_GYRO_CONFIG = 0x1B
_ACCEL_CONFIG = 0x1C
_INT_STATUS = 0x3A
_DATA = 0x3B
_PWR_MGMT_1 = 0x6B
_PWR_MGMT_2 = 0x6C
_WHO_AM_I = 0x75
_WRITABLE = (0x19, 0x1A, _GYRO_CONFIG, _ACCEL_CONFIG, 0x1D, 0x1E, 0x37, 0x38, _PWR_MGMT_2)
_RESET_US = 11000  # section 3.3: register access after a reset, typical
_WAKE_US = 20000  # section 3.2: accelerometer from sleep to valid data


class MPU6886(Registers):
    def power_on(self):
        self.regs[:] = bytes(256)
        self.regs[_PWR_MGMT_1] = 0x41
        self.regs[_WHO_AM_I] = 0x19
        self._deaf = True
        self.begin(_RESET_US)

    def write(self, data):
        if self._deaf and self.busy():
            return None
        self._deaf = False
        return super().write(data)

    def wrote(self, register, value):
        if register == _PWR_MGMT_1:
            if value & 0x80:
                self.power_on()
                return
            if self.regs[register] & 0x40 and not value & 0x40:
                self.begin(_WAKE_US)
            self.regs[register] = value
        elif register in _WRITABLE:
            self.regs[register] = value

    def refresh(self):
        if self.regs[_PWR_MGMT_1] & 0x40 or self.busy():
            self.regs[_INT_STATUS] = 0
            return
        self.regs[_INT_STATUS] = 1
        per_g = 16384 >> (self.regs[_ACCEL_CONFIG] >> 3 & 3)
        per_dps = 131 / (1 << (self.regs[_GYRO_CONFIG] >> 3 & 3))
        standby = self.regs[_PWR_MGMT_2]
        words = [clamp(g * per_g, -32768, 32767) for g in self.world.accel()]
        words.append(clamp((self.world.temp() - 25) * 326.8, -32768, 32767))
        words.extend([clamp(dps * per_dps, -32768, 32767) for dps in self.world.gyro()])
        for i, word in enumerate(words):
            axis = i if i < 3 else i - 1  # PWR_MGMT_2: XA YA ZA XG YG ZG from bit 5 down; 3 is the temperature
            if i == 3 or not standby >> (5 - axis) & 1:
                self.put(_DATA + 2 * i, word, 2)

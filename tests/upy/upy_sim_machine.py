"""The simulated `machine`: pins with interrupts, PWM, clock, watchdog, and a reset that really ends the process."""

import asyncio
import os
import sys
import time

import machine

_SIM = __file__.rsplit("/", 3)[0] + "/node/sim"


async def until(condition, what, within_ms=2000):
    start = time.ticks_ms()
    while not condition():
        assert time.ticks_diff(time.ticks_ms(), start) < within_ms, what
        await asyncio.sleep_ms(1)


def exit_code(program):
    """Of a new process that runs `program` with the simulated machine."""
    path = "/tmp/fleet_upy_" + str(time.time_ns()) + ".py"
    with open(path, "w") as file:
        file.write("import sys\nsys.path.insert(0, " + repr(_SIM) + ")\nimport asyncio, machine, time\n" + program)
    micropython = os.getenv("FLEET_MICROPYTHON") or sys.executable or "micropython"
    status = os.system("'" + micropython + "' " + path + " >/dev/null 2>&1")
    os.remove(path)
    return status >> 8


def test_a_pin_is_one_object_per_id():
    assert machine.Pin(5, machine.Pin.OUT) is machine.Pin(5)
    assert machine.Pin(5) is not machine.Pin(6)
    assert isinstance(machine.Pin(5), machine.PinBase)


def test_a_pull_up_is_high_until_something_pulls_it_down():
    pin = machine.Pin(7, machine.Pin.IN, machine.Pin.PULL_UP)
    assert pin.value() == 1
    pin.sim(0)
    assert pin() == 0


def test_a_signal_inverts_our_pin():
    pin = machine.Pin(8, machine.Pin.OUT, value=1)
    led = machine.Signal(pin, invert=True)
    assert led.value() == 0
    led.on()
    assert pin.value() == 0
    pin.toggle()
    assert led.value() == 0


async def test_an_edge_runs_the_handler_that_waits_for_it():
    pin = machine.Pin(9, machine.Pin.IN, machine.Pin.PULL_UP)
    seen = []
    pin.irq(lambda p: seen.append(p.value()), machine.Pin.IRQ_FALLING)
    pin.sim(0)
    await until(lambda: seen == [0], seen)
    pin.sim(0)  # no edge
    pin.sim(1)  # not the edge it waits for
    await asyncio.sleep_ms(20)
    assert seen == [0], seen
    pin.irq(None)
    pin.sim(0)
    await asyncio.sleep_ms(20)
    assert seen == [0], seen


async def test_an_interrupt_wakes_a_task():
    pin = machine.Pin(10, machine.Pin.IN, machine.Pin.PULL_UP)
    flag = asyncio.ThreadSafeFlag()
    pin.irq(lambda p: flag.set(), machine.Pin.IRQ_FALLING)

    async def press():
        await asyncio.sleep_ms(10)
        pin.sim(0)

    task = asyncio.create_task(press())
    await asyncio.wait_for(flag.wait(), 2)
    await task


def test_pwm_remembers_what_it_played_and_no_more_than_32_notes():
    pwm = machine.PWM(machine.Pin(2), freq=440, duty_u16=0)
    pwm.duty_u16(32768)
    pwm.freq(880)
    assert [entry[1:] for entry in pwm.log] == [(440, 0), (440, 32768), (880, 32768)], pwm.log
    assert pwm.freq() == 880 and pwm.duty_u16() == 32768
    for _ in range(50):
        pwm.duty_u16(0)
    assert len(pwm.log) == 32
    pwm.deinit()
    assert pwm.duty_u16() == 0
    for wrong in ({"freq": 0}, {"duty_u16": 65536}):
        try:
            pwm.init(**wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_the_clock_can_be_set_and_runs_on():
    rtc = machine.RTC()
    rtc.datetime((2030, 1, 2, 0, 3, 4, 5, 0))
    when = rtc.datetime()
    assert when[:3] == (2030, 1, 2) and when[3] == 2, when  # a Wednesday
    assert when[4:7] in ((3, 4, 5), (3, 4, 6)), when


def test_a_fed_watchdog_keeps_still_and_a_starved_one_bites():
    dog = machine.WDT(timeout=400)
    try:
        for _ in range(5):
            time.sleep_ms(10)
            dog.feed()
        machine.check()
        assert dog.feeds == 5
        time.sleep_ms(410)
        dog.feed()  # too late
        assert dog.feeds == 5 and dog.starved()
    finally:
        machine.dogs.clear()


def test_a_starved_watchdog_ends_the_process_with_75():
    assert exit_code("machine.WDT(timeout=20)\ntime.sleep_ms(40)\nmachine.check()\n") == 75


def test_reset_from_any_task_exits_75():
    program = """
async def child():
    try:
        machine.reset()
    except Exception:
        pass
async def main():
    asyncio.create_task(START)
    await asyncio.sleep(3)
asyncio.run(main())
"""
    for start in ("child()", "asyncio.wait_for(child(), 2)", "asyncio.gather(child(), child())"):
        assert exit_code(program.replace("START", start)) == 75, start


def test_reset_from_an_interrupt_exits_75_at_the_next_check():
    program = """
pin = machine.Pin(1, machine.Pin.IN, machine.Pin.PULL_UP)
pin.irq(lambda p: machine.reset())
async def chip():
    while True:
        machine.check()
        await asyncio.sleep_ms(10)
async def main():
    asyncio.create_task(chip())
    pin.sim(0)
    await asyncio.sleep(3)
asyncio.run(main())
"""
    assert exit_code(program) == 75


def test_the_id_is_that_of_a_locally_administered_mac_and_stays():
    assert len(machine.unique_id()) == 6 and machine.unique_id()[0] == 2
    assert machine.unique_id() == machine.unique_id()
    assert machine.reset_cause() == machine.PWRON_RESET
    machine.freq(80_000_000)
    assert machine.freq() == 80_000_000

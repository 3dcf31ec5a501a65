// The emulated board: an RP2040 (rp2040js) with its boot ROM, a flash that lasts, a REPL as a TCP
// port, and the peripheral of hostlink.c. Started and told what to do by emulated_board.py.
//
//   node rp2040.mjs '{"rp2040js": ..., "bootrom": ..., "firmware": ..., "flash": ...}'
//
// One JSON object a line: requests on stdin, answers and events on stdout. It ends when stdin
// does, so it never outlives who started it. It listens on and connects to 127.0.0.1 only.
//
// Emulated time is the processor's cycles at 125 MHz, and nothing else: an idle wait passes at
// once, bytes cross a link in no time, and while the board waits for the host time stands still.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

import { dispatchByTable } from './table_dispatch.mjs';

const settings = JSON.parse(process.argv[2]);
const { BasePeripheral, RP2040 } = await import(pathToFileURL(settings.rp2040js));

const HOST = '127.0.0.1';
const NANOS_PER_CYCLE = 8;
const SLICE = 100_000; // Instructions between two looks at the outside world.
const STACK_TOP = 0x20042000;
const FLASH_BYTES = 2 * 1024 * 1024;
const REPL_BYTE_NANOS = 10_000; // As a serial line of 1 Mbaud: faster overruns MicroPython's buffer.
const SECTOR = 4096;
const PAGE = 256;
const ERASE_NANOS = 45e6; // A sector of the W25Q16 on a Pico, typically.
const PROGRAM_NANOS = 0.4e6; // A page.

// Entry points of the boot ROM that drive the flash chip, and what they do here.
const ROM_FLASH = {
  IF: () => {},
  EX: () => {},
  FC: () => {},
  CX: () => {},
  RE: (board, offset, count) => board.erase(offset, count),
  RP: (board, offset, data, count) => board.program(offset, data, count),
};

/** hostlink.c's side of a TCP connection. */
class HostLink extends BasePeripheral {
  constructor(board, rp2040) {
    super(rp2040, 'HOSTLINK');
    this.board = board;
    this.number = 0;
    this.hangUp();
  }

  hangUp() {
    this.socket?.destroy();
    this.socket = null;
    this.state = 'closed';
    this.received = [];
    this.position = 0;
    this.running = false; // Time runs on although the host is silent.
    this.sending = [];
  }

  connect(port) {
    this.hangUp();
    this.number++;
    this.state = 'connecting';
    const socket = createConnection({ host: HOST, port, noDelay: true });
    this.socket = socket;
    const mine = (action) => (data) => {
      if (this.socket !== socket) return;
      action(data);
      this.board.resume();
    };
    socket.on('connect', mine(() => { this.state = 'open'; }));
    socket.on('data', mine((data) => {
      this.received.push(data);
      this.running = false;
      this.board.bytesIn += data.length;
    }));
    socket.on('error', mine(() => {
      this.state = this.state === 'connecting' ? 'refused' : 'ended';
    }));
    socket.on('end', mine(() => { this.state = 'ended'; }));
  }

  flush() {
    if (this.sending.length && this.socket && !this.socket.destroyed) {
      this.socket.write(Buffer.from(this.sending));
      this.board.bytesOut += this.sending.length;
    }
    this.sending = [];
  }

  readUint32(offset) {
    switch (offset) {
      case 0x04: { // STATUS
        if (this.received.length) return 3;
        if (this.state === 'refused') return 4;
        if (this.state === 'closed' || this.state === 'ended') return 0;
        if (this.state === 'open') return 1;
        this.board.stall();
        return 0;
      }
      case 0x08: { // DATA
        if (!this.received.length) return 0;
        const value = this.received[0][this.position++];
        if (this.position === this.received[0].length) {
          this.received.shift();
          this.position = 0;
        }
        return value;
      }
      case 0x0c:
        this.latched = this.board.cycles;
        return this.latched % 2 ** 32;
      case 0x10:
        return Math.floor(this.latched / 2 ** 32);
      case 0x14:
        return this.state === 'closed' ? 0 : this.number;
      case 0x18: // WAIT: the board has nothing to do until bytes come, or the end.
        if (this.state === 'open' && !this.received.length && !this.running) this.board.stall();
        return 0;
    }
    return 0;
  }

  writeUint32(offset, value) {
    if (offset === 0x00) {
      this.flush();
      if (value) this.connect(value);
      else this.hangUp();
    } else if (offset === 0x08) {
      this.sending.push(value & 0xff);
    }
  }
}

/** Its random bit is the only entropy of this chip; here it comes from a seed. */
class RingOscillator extends BasePeripheral {
  constructor(rp2040, seed) {
    super(rp2040, 'ROSC');
    this.state = seed | 1;
    this.stored = new Map();
  }

  readUint32(offset) {
    if (offset !== 0x1c) return this.stored.get(offset) ?? 0;
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state & 1;
  }

  writeUint32(offset, value) {
    this.stored.set(offset, value);
  }
}

class Board {
  constructor() {
    this.flash = new Uint8Array(16 * 1024 * 1024).fill(0xff);
    this.bootrom = new Uint32Array(4096);
    const rom = readFileSync(settings.bootrom);
    new Uint8Array(this.bootrom.buffer).set(rom);
    this.flashCalls = this.patchBootrom();
    let saved = null;
    try {
      saved = readFileSync(settings.flash);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    if (saved) this.flash.set(saved);
    this.flash.set(readFileSync(settings.firmware));
    this.replOut = [];
    this.replIn = [];
    this.client = null;
    this.boots = 0;
    this.bytesIn = this.bytesOut = 0;
    this.erased = this.programmed = 0;
    this.cutAfter = -1; // Flash operations until the power fails.
    this.patience = settings.patience ?? 3000;
    this.powered = false;
    this.scheduled = false;
    this.stalled = null;
    this.earlierCycles = 0;
  }

  /** Since the start, over every reset: a chip's clock starts with it. */
  get cycles() {
    return this.earlierCycles + this.chip.clock.nanosCounter / NANOS_PER_CYCLE;
  }

  /** Replace what the ROM does to the flash chip by a breakpoint and a return. */
  patchBootrom() {
    const halves = new Uint16Array(this.bootrom.buffer);
    const calls = [];
    for (let at = halves[0x14 / 2] / 2; halves[at]; at += 2) {
      const name = String.fromCharCode(halves[at] & 0xff, halves[at] >> 8);
      if (!(name in ROM_FLASH)) continue;
      const entry = (halves[at + 1] & ~1) / 2;
      halves[entry] = 0xbe00 | (0x40 + calls.length); // bkpt
      halves[entry + 1] = 0x4770; // bx lr
      calls.push(ROM_FLASH[name]);
    }
    if (calls.length !== Object.keys(ROM_FLASH).length) throw new Error('not the boot ROM expected');
    return calls;
  }

  powerOn() {
    if (this.chip) this.earlierCycles = this.cycles;
    const chip = new RP2040();
    chip.logger = {
      debug() {}, info() {}, warn() {},
      error: (name, message) => emit({ event: 'log', message: `${name}: ${message}` }),
    };
    chip.loadBootrom(this.bootrom);
    chip.flash = this.flash;
    chip.flash16 = new Uint16Array(this.flash.buffer);
    chip.flashView = new DataView(this.flash.buffer);
    this.chip = chip;
    this.link = new HostLink(this, chip);
    chip.peripherals[0x40070] = this.link;
    chip.peripherals[0x40060] = new RingOscillator(chip, (settings.seed ?? 1) + this.boots);
    chip.peripherals[0x40058].onWatchdogTrigger = () => { this.again = true; this.halt(); };
    chip.onBreak = (code) => this.onBreak(code);
    this.setUpRepl(chip);
    this.faster(chip);
    chip.core.PC = 0x10000000; // boot2, as the ROM would after looking for a USB host.
    this.lowestStack = STACK_TOP;
    this.powered = true;
    this.again = false;
    this.boots++;
    this.resume();
  }

  powerOff(staysOpen = false) {
    this.powered = false;
    this.link?.flush();
    this.link?.hangUp();
    this.replIn = [];
    this.halt();
    this.endStall();
    // Without power there is no serial port: who waits for an answer is told at once.
    if (!staysOpen) this.client?.destroy();
  }

  setUpRepl(chip) {
    const uart = chip.uart[0];
    // rp2040js says "may send" at every chance; its transmitter is always empty, so never here.
    uart.checkInterrupts = function () {
      this.rp2040.setInterrupt(this.irq, !!(this.interruptStatus & this.interruptMask));
    };
    uart.onByte = (byte) => this.replOut.push(byte);
    this.replAlarm = chip.clock.createAlarm(() => this.feedRepl());
    this.replBusy = false;
    this.feedRepl();
  }

  feedRepl() {
    this.replBusy = this.replIn.length > 0;
    if (!this.replBusy) return;
    const uart = this.chip.uart[0];
    if (uart.enabled && uart.rxFIFO.empty) {
      const chunk = this.replIn[0];
      uart.feedByte(chunk[0]);
      if (chunk.length > 1) this.replIn[0] = chunk.subarray(1);
      else this.replIn.shift();
    }
    this.replAlarm.schedule(REPL_BYTE_NANOS);
  }

  /** Look for RAM and flash first: nearly every access is there. */
  faster(chip) {
    const { sram, sramView, flash, flashView } = chip;
    const core = chip.core;
    core.executeInstruction = dispatchByTable(core);
    core.readUint16 = (address) => {
      if (address >= 0x10000000 && address < 0x10200000) {
        const at = address - 0x10000000;
        return flash[at] | (flash[at + 1] << 8);
      }
      const at = address - 0x20000000;
      if (at >= 0 && at < 0x42000) return sram[at] | (sram[at + 1] << 8);
      return chip.readUint16(address);
    };
    core.readUint32 = (address) => {
      const at = address - 0x20000000;
      if (at >= 0 && at < 0x42000 && !(at & 3)) return sramView.getUint32(at, true);
      if (address >= 0x10000000 && address < 0x10200000 && !(address & 3)) {
        return flashView.getUint32(address - 0x10000000, true);
      }
      return chip.readUint32(address);
    };
    core.readUint8 = (address) => {
      const at = address - 0x20000000;
      if (at >= 0 && at < 0x42000) return sram[at];
      return chip.readUint8(address);
    };
    core.writeUint32 = (address, value) => {
      const at = address - 0x20000000;
      if (at >= 0 && at < 0x42000 && !(at & 3)) sramView.setUint32(at, value, true);
      else chip.writeUint32(address, value);
    };
  }

  onBreak(code) {
    const registers = this.chip.core.registers;
    const call = this.flashCalls[code - 0x40];
    if (call) {
      call(this, registers[0], registers[1], registers[2]);
      return;
    }
    emit({ event: 'fault', pc: registers[15] - 2, lr: registers[14], sp: registers[13] });
    this.powerOff();
  }

  /** Whether the power is still there for this flash operation. */
  flashPower() {
    if (this.cutAfter < 0 || this.cutAfter-- > 0) return true;
    emit({ event: 'power cut' });
    this.powerOff();
    return false;
  }

  erase(offset, count) {
    for (let at = offset; at < offset + count && this.powered; at += SECTOR) {
      if (!this.flashPower()) return;
      this.flash.fill(0xff, at, at + SECTOR);
      this.erased++;
      this.pause(ERASE_NANOS);
    }
  }

  program(offset, data, count) {
    const from = data - 0x20000000;
    for (let done = 0; done < count && this.powered; done += PAGE) {
      if (!this.flashPower()) return;
      // Programming can only clear bits.
      for (let i = 0; i < PAGE; i++) this.flash[offset + done + i] &= this.chip.sram[from + done + i];
      this.programmed++;
      this.pause(PROGRAM_NANOS);
    }
  }

  pause(nanos) {
    this.chip.clock.tick(nanos);
  }

  halt() {
    this.halted = true;
  }

  stall() {
    this.wanted = true;
    this.halted = true;
  }

  endStall() {
    clearTimeout(this.stalled);
    this.stalled = null;
  }

  /** Something happened outside: run on. */
  resume() {
    this.endStall();
    if (this.powered && !this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.run());
    }
  }

  run() {
    this.scheduled = false;
    if (!this.powered) return;
    const { chip } = this;
    const { core, clock } = chip;
    const registers = core.registers;
    let lowest = this.lowestStack;
    let asleep = false;
    this.halted = this.wanted = false;
    for (let i = 0; i < SLICE && !this.halted; i++) {
      if (core.waiting) {
        const alarm = clock.nextAlarm;
        if (!alarm) {
          asleep = true;
          break;
        }
        const nanos = Math.max(alarm.nanos - clock.nanosCounter, 0);
        clock.tick(nanos);
        continue;
      }
      const cycles = core.executeInstruction();
      const now = clock.nanosCounter + cycles * NANOS_PER_CYCLE;
      const alarm = clock.nextAlarm;
      if (alarm !== null && alarm.nanos <= now) clock.tick(cycles * NANOS_PER_CYCLE);
      else clock.nanosCounter = now;
      const stack = registers[13];
      if (stack < lowest) lowest = stack;
    }
    this.lowestStack = lowest;
    this.link.flush();
    this.flushRepl();
    if (this.again) {
      this.powerOff(true);
      this.powerOn();
    } else if (this.wanted && this.powered) {
      if (this.stalled === null) {
        this.stalled = setTimeout(() => {
          this.link.running = true;
          this.resume();
        }, this.patience);
      }
    } else if (this.powered && !asleep) {
      this.resume();
    }
  }

  flushRepl() {
    if (this.replOut.length && this.client) this.client.write(Buffer.from(this.replOut));
    this.replOut = [];
  }

  takeRepl(data) {
    if (!this.powered) return;
    this.replIn.push(data);
    if (!this.replBusy) this.feedRepl();
    this.resume();
  }

  state() {
    return {
      powered: this.powered,
      boots: this.boots,
      cycles: this.cycles,
      pc: this.chip.core.PC,
      waiting: this.chip.core.waiting,
      stack_left: this.lowestStack - 0x20040000,
      erased: this.erased,
      programmed: this.programmed,
      bytes_in: this.bytesIn,
      bytes_out: this.bytesOut,
    };
  }

  keepFlash() {
    this.kept = this.flash.slice(0, FLASH_BYTES);
  }

  restoreFlash() {
    this.powerOff();
    this.cutAfter = -1;
    this.flash.set(this.kept);
    this.powerOn();
  }

  save() {
    const temporary = `${settings.flash}.new`;
    writeFileSync(temporary, this.flash.subarray(0, FLASH_BYTES));
    renameSync(temporary, settings.flash);
  }
}

function emit(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

const board = new Board();
const commands = {
  state: () => board.state(),
  mark: () => {
    // The stack is measured from here on.
    board.lowestStack = STACK_TOP;
    board.bytesIn = board.bytesOut = board.erased = board.programmed = 0;
    return board.state();
  },
  reset: () => {
    board.powerOff(true);
    board.powerOn();
    return {};
  },
  power_off: () => {
    board.powerOff();
    return {};
  },
  power_on: () => {
    if (!board.powered) board.powerOn();
    return {};
  },
  cut_after: ({ operations }) => {
    board.cutAfter = operations;
    return {};
  },
  patience: ({ milliseconds }) => {
    board.patience = milliseconds;
    return {};
  },
  keep_flash: () => {
    board.keepFlash();
    return {};
  },
  restore_flash: () => {
    board.restoreFlash();
    return {};
  },
  save: () => {
    board.save();
    return {};
  },
};

const server = createServer((client) => {
  if (!board.powered) {
    client.destroy();
    return;
  }
  board.client?.destroy();
  board.client = client;
  client.setNoDelay(true);
  client.on('data', (data) => board.takeRepl(data));
  client.on('error', () => {});
  client.on('close', () => {
    if (board.client === client) board.client = null;
  });
});
server.listen(0, HOST, () => {
  board.powerOn();
  emit({ event: 'ready', repl: server.address().port });
});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const request = JSON.parse(line);
    emit({ id: request.id, ...commands[request.do](request) });
  })
  .on('close', () => process.exit(0));

// Makes rp2040js's processor faster without changing what it does.
//
// Its executeInstruction asks some eighty questions one after the other, `if (opcode >> 6 === ...)`,
// until it knows the instruction. Here the same function is put together anew from its own text,
// every question and every answer as it stands there: the questions are asked once for each of the
// 65,536 opcodes, and the answer is found in that table. Instructions of 32 bits, which also depend
// on their second half, go on asking, but only the questions about a second half. The registers are
// used where they are, not by way of getters and setters.

const HEAD = /^ {8}(?:else )?if \((.*)\) \{$/;
const END = '        }';
const INDENT = '        ';
// Names of rp2040js's module which the text uses.
const NAMES = {
  signExtend8: (value) => (value << 24) >> 24,
  signExtend16: (value) => (value << 16) >> 16,
  spRegister: 13,
  pcRegister: 15,
  LOG_NAME: 'CortexM0Core',
};

/** The function for a core to use in place of its own. */
export function dispatchByTable(core) {
  const names = { ...NAMES, R: core.registers };
  const { before, branches, otherwise, after } = takeApart(inPlace(core.executeInstruction.toString()));
  const narrow = branches.filter(({ question }) => !question.includes('opcode2'));
  const wide = branches.filter(({ question }) => question.includes('opcode2'));
  const source = `
    const table = new Uint8Array(0x10000).fill(${narrow.length + 1});
    for (let opcode = 0; opcode < 0x10000; opcode++) {
      const questions = [${narrow.map(({ question }) => `() => ${question}`).join(',\n')}];
      const found = questions.findIndex((question) => question());
      const isWide = opcode >> 12 === 0b1111 || opcode >> 11 === 0b11101;
      if (isWide && found >= 0) throw new Error('a question forgets the second half');
      table[opcode] = isWide ? ${narrow.length} : found >= 0 ? found : ${narrow.length + 1};
    }
    return function executeInstruction() {
      ${before}
      switch (table[opcode]) {
        ${narrow.map(({ body }, number) => `case ${number}: {\n${body}\nbreak;\n}`).join('\n')}
        case ${narrow.length}:
          ${wide.map(({ question, body }) => `if (${question}) {\n${body}\nbreak;\n}`).join('\n')}
        default: {
          ${otherwise}
        }
      }
      ${after}
    };`;
  return new Function(...Object.keys(names), source)(...Object.values(names));
}

/** With the registers themselves; SP is still set by way of its setter, which aligns it. */
function inPlace(text) {
  return text
    .replaceAll('this.registers', 'R')
    .replaceAll(/this\.PC\b/g, 'R[15]')
    .replaceAll(/this\.LR\b/g, 'R[14]')
    .replaceAll(/this\.SP\b(?! [-+]?= )/g, 'R[13]');
}

/** What is before the questions, each with its answer, the answer to none, what is after. */
function takeApart(text) {
  const lines = text.split('\n').slice(1, -1);
  const first = lines.indexOf(`${INDENT}let deltaCycles = 1;`) + 1;
  const branches = [];
  let at = first;
  let otherwise = null;
  while (otherwise === null) {
    if (lines[at].startsWith(`${INDENT}//`)) {
      at++;
      continue;
    }
    const question = HEAD.exec(lines[at])?.[1];
    const end = lines.indexOf(END, at);
    if (first === 0 || end < 0 || (!question && lines[at] !== `${INDENT}else {`)) {
      throw new Error(`not the processor expected: ${lines[at]}`);
    }
    const body = lines.slice(at + 1, end).join('\n');
    if (question) branches.push({ question, body });
    else otherwise = body;
    at = end + 1;
  }
  return {
    before: lines.slice(0, first).join('\n'),
    branches,
    otherwise,
    after: lines.slice(at).join('\n'),
  };
}

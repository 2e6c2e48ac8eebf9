// Runs before every script. A native function cannot be interrupted while it works, so those
// that can be asked for unbounded work or memory in one call refuse what is over the limit.
(function (maxItems, maxText, validJSON) {
  'use strict'
  const { apply, ownKeys } = Reflect
  const { defineProperty, keys } = Object
  const isArray = Array.isArray
  const Text = String
  const TooLarge = RangeError

  const refuse = what => { throw new TooLarge(what + ' is over the limit for scripts') }
  const length = self => (self === null || self === undefined ? 0 : Number(self.length))
  const wrap = (owner, name, check) => {
    const native = owner[name]
    if (typeof native !== 'function') return
    const guarded = function (...args) {
      check(this, args)
      return apply(native, this, args)
    }
    defineProperty(guarded, 'name', { value: native.name })
    defineProperty(owner, name, { value: guarded, writable: true, configurable: true, enumerable: false })
  }

  const measure = (value, budget, depth) => {
    if (typeof value === 'string') budget -= value.length
    budget -= 16
    if (budget < 0) refuse('the text')
    if (depth > 500) refuse('the depth')
    if (value === null || typeof value !== 'object') return budget
    const names = keys(value)
    for (let i = 0; i < names.length; i++) {
      budget = measure(value[names[i]], budget - names[i].length, depth + 1)
    }
    return budget
  }
  const measureList = (list, separator) => {
    const n = length(list)
    if (n > maxItems || n * separator > maxText) refuse('the list')
    measure(list, maxText, 0)
  }

  const listMethods = ownKeys(Array.prototype)
  for (let i = 0; i < listMethods.length; i++) {
    if (listMethods[i] !== 'constructor') {
      wrap(Array.prototype, listMethods[i], self => { if (length(self) > maxItems) refuse('the list') })
    }
  }
  wrap(Array.prototype, 'join', (self, args) => measureList(self, args[0] === undefined ? 1 : Text(args[0]).length))
  wrap(Array.prototype, 'toString', self => measureList(self, 1))
  wrap(Array.prototype, 'toLocaleString', self => measureList(self, 1))
  wrap(Array.prototype, 'flat', self => measureList(self, 1))
  wrap(Array, 'from', (self, args) => { if (length(args[0]) > maxItems) refuse('the list') })

  const textTimes = (self, args) => { if (length(self) * args[0] > maxText) refuse('the text') }
  const textItems = self => { if (length(self) > maxItems) refuse('the text') }
  wrap(String.prototype, 'repeat', textTimes)
  wrap(String.prototype, 'padStart', (self, args) => { if (args[0] > maxText) refuse('the text') })
  wrap(String.prototype, 'padEnd', (self, args) => { if (args[0] > maxText) refuse('the text') })
  wrap(String.prototype, 'split', textItems)
  wrap(String.prototype, 'match', textItems)
  wrap(String.prototype, Symbol.iterator, textItems)
  const replacing = (self, args) => {
    if (typeof args[1] === 'function') return
    const by = Text(args[1])
    const whole = by.includes('$`') || by.includes("$'") ? length(self) : 0
    if ((length(self) + 1) * (by.length + whole) > maxText * 64) refuse('the text')
  }
  wrap(String.prototype, 'replace', replacing)
  wrap(String.prototype, 'replaceAll', replacing)

  wrap(JSON, 'parse', (self, args) => { if (!validJSON(Text(args[0]))) throw new SyntaxError('not valid JSON') })
  wrap(JSON, 'stringify', (self, args) => {
    measure(args[0], maxText, 0)
    if (isArray(args[1]) && args[1].length > maxItems) refuse('the list')
  })
  return ['ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray',
    'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array',
    'BigInt64Array', 'BigUint64Array'].forEach(name => { delete globalThis[name] })
})

// Runs before every script. A native function cannot be interrupted while it works, so those
// that can be asked for unbounded work or memory in one call refuse what is over the limit.
(function (maxItems, maxText, hasResponse, isJSON) {
  const { hostFields, hostBody, hostParsed } = globalThis
  const { parse, stringify } = JSON
  const TypeFault = TypeError, Pattern = RegExp, evaluate = eval
  for (const name of ['hostFields', 'hostBody', 'hostParsed', 'print', 'console', 'std', 'os', 'bjson', 'gc', 'scriptArgs']) delete globalThis[name]
  const { apply, ownKeys } = Reflect
  const { defineProperty, keys } = Object
  const isArray = Array.isArray
  const Text = String
  const TooLarge = RangeError
  const Later = Promise

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

  wrap(JSON, 'stringify', (self, args) => {
    measure(args[0], maxText, 0)
    if (isArray(args[1]) && args[1].length > maxItems) refuse('the list')
  })
  for (const name of ['ArrayBuffer', 'SharedArrayBuffer', 'DataView', 'Atomics', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray',
    'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float16Array', 'Float32Array', 'Float64Array',
    'BigInt64Array', 'BigUint64Array', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name]

  // What scripts of one response share stays as it is: they run one after the other in here.
  const { getOwnPropertyDescriptor, getOwnPropertyNames } = Object
  const lock = owner => {
    for (const name of getOwnPropertyNames(owner)) {
      const d = getOwnPropertyDescriptor(owner, name)
      if (d.configurable && 'value' in d && typeof d.value === 'function') {
        defineProperty(owner, name, { value: d.value, writable: false, configurable: false, enumerable: d.enumerable })
      }
    }
  }
  for (const owner of [String.prototype, Array.prototype, Number.prototype, Boolean.prototype, RegExp.prototype,
    Array, JSON, Math, Object, Reflect, Number, String]) lock(owner)

  let body, bodyRead = false
  const data = () => {
    if (!bodyRead) {
      const text = hostBody()
      try { body = isJSON ? parse(text) : text } finally { hostParsed() }
      bodyRead = true
    }
    return body
  }
  let resp
  if (hasResponse) {
    resp = {}
    const define = (name, get) => defineProperty(resp, name, {
      get,
      set () { throw new TypeFault('resp.' + name + ' cannot be set; to compare, write == or ===') },
      enumerable: true
    })
    let fields
    const field = name => () => (fields ??= parse(hostFields()))[name]
    define('data', data)
    for (const name of ['status', 'statusText', 'headers', 'config', 'duration']) define(name, field(name))
    Object.freeze(resp)
    defineProperty(globalThis, 'resp', { value: resp, writable: true, configurable: true, enumerable: true })
  }

  const initial = new Map(ownKeys(globalThis).map(name => [name, getOwnPropertyDescriptor(globalThis, name)]))
  const has = Map.prototype.has.bind(initial), each = Map.prototype.forEach.bind(initial)
  const put = (name, value) => {
    const before = getOwnPropertyDescriptor(globalThis, name)
    if (before === undefined || before.configurable) {
      defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true })
    }
  }
  const scoped = (source, variables) => {
    const names = keys(variables)
    for (const name of names) put(name, variables[name] === null ? undefined : variables[name])
    try {
      return (0, evaluate)(source)
    } finally {
      for (const name of ownKeys(globalThis)) if (!has(name)) delete globalThis[name]
      each((d, name) => { if (d.configurable && globalThis[name] !== d.value) defineProperty(globalThis, name, d) })
    }
  }
  const search = (pattern, text) => {
    const match = new Pattern(pattern).exec(text)
    return match === null ? null : match[0]
  }
  return (mode, source, argument) => {
    switch (mode) {
      case 'pattern':
        new Pattern(source)
        return null
      case 'match':
        return search(source, argument)
      case 'matchBody': {
        const value = data()
        return search(source, typeof value === 'string' ? value : stringify(value))
      }
    }
    const value = scoped(source, parse(argument))
    if (mode === 'truthy') {
      if (typeof value === 'symbol' || typeof value === 'function') return 'a ' + typeof value
      if (value === null || typeof value !== 'object') return !!value
      return value instanceof Later ? 'a promise' : 'an object'
    }
    if (typeof value === 'symbol') return value.toString()
    if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
      throw new TypeFault('the result is an object; give a string, a number or a bool')
    }
    return value
  }
})

// The handles guest in JavaScript: gives back every handle it is given, directly or through the
// host, and keeps objects of its own.
import * as host from 'berth:handles/host@0.1.0';

let through = false;

function unwrap(result) {
  if (result.tag === 'ok') return result.val;
  throw result.val;
}

class Item {
  constructor(value) {
    this.value = value;
  }
  get() {
    return this.value;
  }
  set(value) {
    this.value = value;
  }
  static parse(text) {
    return new Item(Number(text));
  }
}

export const guest = {
  Item,
  setThrough(on) {
    through = on;
  },
  useThing(value) {
    const made = new host.Thing(value);
    const parsed = host.Thing.parse('1000');
    let sum = made.get();
    made.set(value + 1);
    sum += made.get() + parsed.get();
    made[Symbol.dispose]();
    parsed[Symbol.dispose]();
    return sum;
  },
  ownThing(v) {
    return through ? host.ownThing(v) : v;
  },
  readThing(v) {
    return through ? host.readThing(v) : v.get();
  },
  ownThings(v) {
    return through ? host.ownThings(v) : v;
  },
  readThings(v) {
    return through ? host.readThings(v) : v.map((thing) => thing.get());
  },
  ownOption(v) {
    return through ? host.ownOption(v) : v;
  },
  ownResult(v) {
    return through ? host.ownResult(v) : unwrap(v);
  },
  ownRecord(v) {
    return through ? host.ownRecord(v) : v;
  },
  ownChoice(v) {
    return through ? host.ownChoice(v) : v;
  },
  ownNested(v) {
    return through ? host.ownNested(v) : v;
  },
  ownItem(v) {
    return v;
  },
  readItem(v) {
    return v.get();
  },
  ownItems(v) {
    return v;
  },
  ownItemOption(v) {
    return v;
  },
};

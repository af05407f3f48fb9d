// Entries: the store itself. Calls never overlap, so nothing is locked. An error is thrown as the variant that it is.

// What an entry costs beside its key and its value, about.
const ENTRY_OVERHEAD = 256;
// Unless the setting says otherwise. A hand-over needs as much again, twice: fits into a memory limit of 64 MiB.
const DEFAULT_CAPACITY = 8 << 20;
// A page ends when its values are this long: answers stay small.
const PAGE_BYTES = 1 << 20;
// How many entries one call of purge looks at.
const PURGE_ENTRIES = 1000;

const isLive = (now, value) => value != null && (value.expires == null || now < value.expires);
const toEntry = ({ bytes, version, expires }) => ({ value: bytes, etag: String(version), expires });
const cost = (key, value) => (value == null ? 0 : ENTRY_OVERHEAD + key.length + value.bytes.length);
// False for a text that set() never returned.
const isVersion = (etag) => /^[1-9]\d{0,15}$/.test(etag);

export class Entries {
  capacity = DEFAULT_CAPACITY;
  #values = new Map(); // key to { bytes, version, expires }; version, as text, is the ETag
  #lastVersion = 0; // no version is used twice, also not after a hand-over
  #used = 0;
  #ordered = null; // the keys in order, made when it is needed; may hold some that were deleted since

  get(now, key) {
    const value = this.#values.get(key);
    return isLive(now, value) ? toEntry(value) : null;
  }

  set(now, write) {
    this.#replace(now, write);
    return String(this.#lastVersion);
  }

  delete(now, removal) {
    this.#remove(now, removal);
  }

  transact(now, operations) {
    const undo = [];
    operations.forEach(({ tag, val }, index) => {
      try {
        undo.push([val.key, tag === "set" ? this.#replace(now, val) : this.#remove(now, val)]);
      } catch (error) {
        for (const [key, before] of undo.reverse()) this.#put(key, before);
        if (error.tag == null) throw error;
        throw { operation: error.tag.startsWith("etag-") ? index : null, error };
      }
    });
  }

  scan(now, prefix, after, limit) {
    const items = [];
    let bytes = 0;
    for (const [key, value] of this.#beginWith(prefix, after)) {
      if (!isLive(now, value)) continue;
      if (items.length >= limit || bytes >= PAGE_BYTES) return { items, next: items.at(-1).key };
      bytes += value.bytes.length;
      items.push({ key, entry: toEntry(value) });
    }
    return { items, next: null };
  }

  deletePrefix(now, prefix) {
    let deleted = 0;
    for (const [key, value] of this.#beginWith(prefix, null)) {
      if (isLive(now, value)) deleted += 1;
      this.#put(key, null);
    }
    return deleted;
  }

  purge(now, after) {
    let entries = 0;
    let lookedAt = 0;
    for (const [key, value] of this.#beginWith("", after)) {
      if (!isLive(now, value)) {
        this.#put(key, null);
        entries += 1;
      }
      lookedAt += 1;
      if (lookedAt === PURGE_ENTRIES) return { entries, next: key };
    }
    return { entries, next: null };
  }

  // The saved state, numbers as little-endian: u8 format | f64 last version | and for each entry
  // f64 version | f64 expires, infinite for never | u32 units of the key, which is UTF-16 | u32 bytes of the value | key | value
  save() {
    let size = HEAD_BYTES;
    for (const [key, { bytes }] of this.#values) size += ENTRY_HEAD_BYTES + 2 * key.length + bytes.length;
    const state = new Uint8Array(size);
    const view = new DataView(state.buffer);
    view.setUint8(0, FORMAT);
    view.setFloat64(1, this.#lastVersion, true);
    let at = HEAD_BYTES;
    for (const [key, { bytes, version, expires }] of this.#values) {
      view.setFloat64(at, version, true);
      view.setFloat64(at + 8, expires ?? Infinity, true);
      view.setUint32(at + 16, key.length, true);
      view.setUint32(at + 20, bytes.length, true);
      at += ENTRY_HEAD_BYTES;
      for (let i = 0; i < key.length; ++i, at += 2) view.setUint16(at, key.charCodeAt(i), true);
      state.set(bytes, at);
      at += bytes.length;
    }
    return state;
  }

  // On an error nothing has changed.
  restore(state) {
    const restored = new Entries();
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    if (state.length < HEAD_BYTES) throw "a state that ends inside its head";
    if (view.getUint8(0) !== FORMAT) throw `a state of format ${view.getUint8(0)}; this store reads ${FORMAT}`;
    restored.#lastVersion = view.getFloat64(1, true);
    for (let at = HEAD_BYTES; at < state.length; ) {
      if (at + ENTRY_HEAD_BYTES > state.length) throw "a state that ends inside an entry";
      const version = view.getFloat64(at, true);
      const expires = view.getFloat64(at + 8, true);
      const keyAt = at + ENTRY_HEAD_BYTES;
      const valueAt = keyAt + 2 * view.getUint32(at + 16, true);
      at = valueAt + view.getUint32(at + 20, true);
      if (at > state.length) throw "a state that ends inside an entry";
      if (!(version <= restored.#lastVersion)) throw "a damaged entry in the state";
      let key = "";
      for (let i = keyAt; i < valueAt; i += 2) key += String.fromCharCode(view.getUint16(i, true));
      restored.#put(key, { bytes: state.slice(valueAt, at), version, expires: expires === Infinity ? null : expires });
    }
    this.#values = restored.#values;
    this.#lastVersion = restored.#lastVersion;
    this.#used = restored.#used;
    this.#ordered = null;
  }

  *#beginWith(prefix, after) {
    this.#ordered ??= [...this.#values.keys()].sort();
    const ordered = this.#ordered;
    for (let i = firstFrom(ordered, after ?? prefix); i < ordered.length; ++i) {
      const key = ordered[i];
      if (key === after) continue;
      if (!key.startsWith(prefix)) return;
      if (this.#values.has(key)) yield [key, this.#values.get(key)];
    }
  }

  #check(now, { key, condition }) {
    const value = this.#values.get(key);
    switch (condition.tag) {
      case "if-absent":
        if (isLive(now, value)) throw { tag: "etag-mismatch" };
        break;
      case "if-etag":
        if (!isVersion(condition.val)) throw { tag: "etag-invalid" };
        if (!isLive(now, value) || String(value.version) !== condition.val) throw { tag: "etag-mismatch" };
    }
  }

  // Returns what was there.
  #replace(now, write) {
    this.#check(now, write);
    const { key, value: bytes, expires } = write;
    const value = { bytes, version: this.#lastVersion + 1, expires };
    const before = cost(key, this.#values.get(key));
    const after = cost(key, value);
    if (after > before && this.#used - before + after > this.capacity) {
      throw { tag: "full", val: `the entries have reached the setting capacity, ${this.capacity} bytes` };
    }
    this.#lastVersion += 1;
    return this.#put(key, value);
  }

  // Likewise.
  #remove(now, removal) {
    this.#check(now, removal);
    return this.#put(removal.key, null);
  }

  // Likewise; without any condition.
  #put(key, value) {
    const before = this.#values.get(key);
    this.#used += cost(key, value) - cost(key, before);
    if (value == null) {
      this.#values.delete(key);
    } else {
      if (before == null) this.#ordered = null;
      this.#values.set(key, value);
    }
    return before;
  }
}

const FORMAT = 1;
const HEAD_BYTES = 9;
const ENTRY_HEAD_BYTES = 24;

// Index of the first key that is not before `key`.
function firstFrom(ordered, key) {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

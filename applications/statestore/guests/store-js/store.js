// The component: berth:state and berth:lifecycle over Entries.
import { Entries } from "./entries.js";

const entries = new Entries();

// One result for each item.
const each = (items, call) =>
  items.map((item) => {
    try {
      return { tag: "ok", val: call(item) };
    } catch (error) {
      if (error.tag == null) throw error;
      return { tag: "err", val: error };
    }
  });

export const store = {
  init(settings) {
    for (const [name, value] of settings) {
      if (name !== "capacity") throw `no setting "${name}"; there is: capacity`;
      if (!/^\d+$/.test(value)) throw `capacity: "${value}" is no number of bytes`;
      entries.capacity = Number(value);
    }
    return { bulk: true, transactions: true, scanning: true, prefixes: true, expiry: true };
  },
  get: (now, key) => entries.get(now, key),
  set: (now, key, value, condition, expires) => entries.set(now, { key, value, condition, expires }),
  delete: (now, key, condition) => entries.delete(now, { key, condition }),
};

export const bulk = {
  getMany: (now, keys) => each(keys, (key) => entries.get(now, key)),
  setMany: (now, writes) => each(writes, (write) => entries.set(now, write)),
  deleteMany: (now, removals) => each(removals, (removal) => entries.delete(now, removal)),
};

export const transactions = { transact: (now, operations) => entries.transact(now, operations) };
export const scanning = { scan: (now, prefix, after, limit) => entries.scan(now, prefix, after, limit) };
export const prefixes = { deletePrefix: (now, prefix) => entries.deletePrefix(now, prefix) };
export const expiry = { purge: (now, after) => entries.purge(now, after) };
export const probe = { probe() {} };
export const handover = { save: () => entries.save(), restore: (state) => entries.restore(state) };

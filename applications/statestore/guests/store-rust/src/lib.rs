//! The component: berth:state and berth:lifecycle over Entries.
mod entries;

use std::cell::RefCell;

use berth::state::types::{Entry, Error, Removal, Time, Write};
use entries::Entries;
use exports::berth::lifecycle::{handover, probe};
use exports::berth::state::{bulk, expiry, prefixes, scanning, store, transactions};
use store::{Condition, Features};

wit_bindgen::generate!({ world: "memory-store", path: "wit", generate_all });

thread_local! {
    static ENTRIES: RefCell<Entries> = RefCell::new(Entries::new());
}

fn with<T>(call: impl FnOnce(&mut Entries) -> T) -> T {
    ENTRIES.with_borrow_mut(call)
}

struct Component;
export!(Component);

impl store::Guest for Component {
    fn init(settings: Vec<(String, String)>) -> Result<Features, String> {
        for (name, value) in settings {
            match name.as_str() {
                "capacity" => {
                    let bytes = value.parse().map_err(|_| format!("capacity: \"{value}\" is no number of bytes"))?;
                    with(|entries| entries.capacity = bytes);
                }
                _ => return Err(format!("no setting \"{name}\"; there is: capacity")),
            }
        }
        Ok(Features::BULK | Features::TRANSACTIONS | Features::SCANNING | Features::PREFIXES | Features::EXPIRY)
    }

    fn get(now: Time, key: String) -> Result<Option<Entry>, Error> {
        Ok(with(|entries| entries.get(now, &key)))
    }

    fn set(now: Time, key: String, value: Vec<u8>, condition: Condition, expires: Option<Time>) -> Result<String, Error> {
        with(|entries| entries.set(now, Write { key, value, condition, expires }))
    }

    fn delete(now: Time, key: String, condition: Condition) -> Result<(), Error> {
        with(|entries| entries.delete(now, &Removal { key, condition }))
    }
}

impl bulk::Guest for Component {
    fn get_many(now: Time, keys: Vec<String>) -> Result<Vec<Result<Option<Entry>, Error>>, Error> {
        Ok(with(|entries| keys.iter().map(|key| Ok(entries.get(now, key))).collect()))
    }

    fn set_many(now: Time, writes: Vec<Write>) -> Result<Vec<Result<String, Error>>, Error> {
        Ok(with(|entries| writes.into_iter().map(|write| entries.set(now, write)).collect()))
    }

    fn delete_many(now: Time, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
        Ok(with(|entries| removals.iter().map(|removal| entries.delete(now, removal)).collect()))
    }
}

impl transactions::Guest for Component {
    fn transact(now: Time, operations: Vec<transactions::Operation>) -> Result<(), transactions::Failure> {
        with(|entries| entries.transact(now, operations))
    }
}

impl scanning::Guest for Component {
    fn scan(now: Time, prefix: String, after: Option<String>, limit: u32) -> Result<scanning::Page, Error> {
        Ok(with(|entries| entries.scan(now, &prefix, after.as_deref(), limit)))
    }
}

impl prefixes::Guest for Component {
    fn delete_prefix(now: Time, prefix: String) -> Result<u64, Error> {
        Ok(with(|entries| entries.delete_prefix(now, &prefix)))
    }
}

impl expiry::Guest for Component {
    fn purge(now: Time, after: Option<String>) -> Result<expiry::Purged, Error> {
        Ok(with(|entries| entries.purge(now, after.as_deref())))
    }
}

impl probe::Guest for Component {
    fn probe() -> Result<(), String> {
        Ok(())
    }
}

impl handover::Guest for Component {
    fn save() -> Result<Vec<u8>, String> {
        Ok(with(|entries| entries.save()))
    }

    fn restore(state: Vec<u8>) -> Result<(), String> {
        with(|entries| entries.restore(&state))
    }
}

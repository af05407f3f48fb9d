//! Entries: the store itself. One map in the order of its keys; calls never overlap, so nothing is locked.
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::berth::state::types::{Condition, Entry, Error, Removal, Time, Write};
use crate::exports::berth::state::expiry::Purged;
use crate::exports::berth::state::scanning::{Item, Page};
use crate::exports::berth::state::transactions::{Failure, Operation};

/// What an entry costs beside its key and its value, about.
const ENTRY_OVERHEAD: u64 = 96;
/// Unless the setting says otherwise. A hand-over needs as much again, twice: fits into a memory limit of 64 MiB.
const DEFAULT_CAPACITY: u64 = 16 << 20;
/// A page ends when its values are this long: answers stay small.
const PAGE_BYTES: usize = 1 << 20;
/// How many entries one call of purge looks at.
const PURGE_ENTRIES: usize = 1000;
/// The first byte of a saved state.
const FORMAT: u8 = 1;

#[derive(Clone)]
struct Value {
    bytes: Vec<u8>,
    /// As text, the ETag. No version is used twice, also not after a hand-over.
    version: u64,
    expires: Option<Time>,
}

impl Value {
    fn is_live(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    fn entry(&self) -> Entry {
        Entry { value: self.bytes.clone(), etag: self.version.to_string(), expires: self.expires }
    }
}

fn cost(key: &str, value: Option<&Value>) -> u64 {
    value.map_or(0, |value| ENTRY_OVERHEAD + (key.len() + value.bytes.len()) as u64)
}

pub struct Entries {
    values: BTreeMap<String, Value>,
    last_version: u64,
    used: u64,
    pub capacity: u64,
}

impl Entries {
    pub fn new() -> Self {
        Self { values: BTreeMap::new(), last_version: 0, used: 0, capacity: DEFAULT_CAPACITY }
    }

    pub fn get(&self, now: Time, key: &str) -> Option<Entry> {
        self.live(now, key).map(Value::entry)
    }

    pub fn set(&mut self, now: Time, write: Write) -> Result<String, Error> {
        self.replace(now, write)?;
        Ok(self.last_version.to_string())
    }

    pub fn delete(&mut self, now: Time, removal: &Removal) -> Result<(), Error> {
        self.remove(now, removal)?;
        Ok(())
    }

    pub fn transact(&mut self, now: Time, operations: Vec<Operation>) -> Result<(), Failure> {
        let mut undo = Vec::new();
        for (index, operation) in operations.into_iter().enumerate() {
            let (key, before) = match operation {
                Operation::Set(write) => (write.key.clone(), self.replace(now, write)),
                Operation::Delete(removal) => (removal.key.clone(), self.remove(now, &removal)),
            };
            match before {
                Ok(before) => undo.push((key, before)),
                Err(error) => {
                    for (key, before) in undo.into_iter().rev() {
                        self.put(key, before);
                    }
                    let conditional = matches!(error, Error::EtagMismatch | Error::EtagInvalid);
                    return Err(Failure { operation: conditional.then_some(index as u32), error });
                }
            }
        }
        Ok(())
    }

    pub fn scan(&self, now: Time, prefix: &str, after: Option<&str>, limit: u32) -> Page {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0;
        for (key, value) in self.begin_with(prefix, after).filter(|(_, value)| value.is_live(now)) {
            if items.len() >= limit as usize || bytes >= PAGE_BYTES {
                let next = items.last().map(|item| item.key.clone());
                return Page { items, next };
            }
            bytes += value.bytes.len();
            items.push(Item { key: key.clone(), entry: value.entry() });
        }
        Page { items, next: None }
    }

    pub fn delete_prefix(&mut self, now: Time, prefix: &str) -> u64 {
        let keys: Vec<String> = self.begin_with(prefix, None).map(|(key, _)| key.clone()).collect();
        keys.into_iter().filter_map(|key| self.put(key, None)).filter(|value| value.is_live(now)).count() as u64
    }

    pub fn purge(&mut self, now: Time, after: Option<&str>) -> Purged {
        let mut looked_at = 0;
        let mut last = None;
        let mut expired = Vec::new();
        for (key, value) in self.begin_with("", after).take(PURGE_ENTRIES) {
            looked_at += 1;
            last = Some(key.clone());
            if !value.is_live(now) {
                expired.push(key.clone());
            }
        }
        let entries = expired.len() as u64;
        for key in expired {
            self.put(key, None);
        }
        Purged { entries, next: last.filter(|_| looked_at == PURGE_ENTRIES) }
    }

    /// Everything, numbers in little-endian: the format | u64 last version | and for each entry
    /// u64 version | u64 expires, all ones for never | u32 bytes of the key | u32 of the value | key | value
    pub fn save(&self) -> Vec<u8> {
        let size = self.values.iter().map(|(key, value)| 24 + key.len() + value.bytes.len()).sum::<usize>();
        let mut state = Vec::with_capacity(9 + size);
        state.push(FORMAT);
        state.extend(self.last_version.to_le_bytes());
        for (key, value) in &self.values {
            state.extend(value.version.to_le_bytes());
            state.extend(value.expires.unwrap_or(u64::MAX).to_le_bytes());
            state.extend((key.len() as u32).to_le_bytes());
            state.extend((value.bytes.len() as u32).to_le_bytes());
            state.extend(key.as_bytes());
            state.extend(&value.bytes);
        }
        state
    }

    /// On an error nothing has changed.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut restored = Entries { capacity: self.capacity, ..Entries::new() };
        let mut rest = state;
        let [format] = take(&mut rest)?;
        if format != FORMAT {
            return Err(format!("a state of format {format}; this store reads {FORMAT}"));
        }
        restored.last_version = u64::from_le_bytes(take(&mut rest)?);
        while !rest.is_empty() {
            let version = u64::from_le_bytes(take(&mut rest)?);
            let expires = u64::from_le_bytes(take(&mut rest)?);
            let key_bytes = u32::from_le_bytes(take(&mut rest)?) as usize;
            let value_bytes = u32::from_le_bytes(take(&mut rest)?) as usize;
            let key = rest.split_off(..key_bytes).ok_or(TOO_SHORT)?;
            let bytes = rest.split_off(..value_bytes).ok_or(TOO_SHORT)?.to_vec();
            let key = String::from_utf8(key.to_vec()).map_err(|_| "a key that is no UTF-8")?;
            if version > restored.last_version {
                return Err("a version later than the last".into());
            }
            restored.put(key, Some(Value { bytes, version, expires: (expires != u64::MAX).then_some(expires) }));
        }
        *self = restored;
        Ok(())
    }

    fn live(&self, now: Time, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| value.is_live(now))
    }

    fn begin_with<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let first = after.map_or(Bound::Included(prefix), Bound::Excluded);
        self.values.range::<str, _>((first, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn check(&self, now: Time, key: &str, condition: &Condition) -> Result<(), Error> {
        let held = match condition {
            Condition::Always => true,
            Condition::IfAbsent => self.live(now, key).is_none(),
            Condition::IfEtag(etag) => {
                let version = version_of(etag).ok_or(Error::EtagInvalid)?;
                self.live(now, key).is_some_and(|value| value.version == version)
            }
        };
        if held { Ok(()) } else { Err(Error::EtagMismatch) }
    }

    /// Returns what was there.
    fn replace(&mut self, now: Time, write: Write) -> Result<Option<Value>, Error> {
        let Write { key, value: bytes, condition, expires } = write;
        self.check(now, &key, &condition)?;
        let value = Value { bytes, version: self.last_version + 1, expires };
        let (before, after) = (cost(&key, self.values.get(&key)), cost(&key, Some(&value)));
        if after > before && self.used - before + after > self.capacity {
            return Err(Error::Full(format!("the entries have reached the setting capacity, {} bytes", self.capacity)));
        }
        self.last_version += 1;
        Ok(self.put(key, Some(value)))
    }

    /// Likewise.
    fn remove(&mut self, now: Time, removal: &Removal) -> Result<Option<Value>, Error> {
        self.check(now, &removal.key, &removal.condition)?;
        Ok(self.put(removal.key.clone(), None))
    }

    /// Likewise; without any condition.
    fn put(&mut self, key: String, value: Option<Value>) -> Option<Value> {
        self.used += cost(&key, value.as_ref());
        self.used -= cost(&key, self.values.get(&key));
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        }
    }
}

const TOO_SHORT: &str = "a state that ends inside an entry";

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (taken, after) = rest.split_first_chunk().ok_or(TOO_SHORT)?;
    *rest = after;
    Ok(*taken)
}

/// None for a text that set() never returned.
fn version_of(etag: &str) -> Option<u64> {
    etag.parse().ok().filter(|version: &u64| version.to_string() == etag)
}

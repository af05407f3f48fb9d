// Package entries is the store itself. Calls never overlap, so nothing is locked.
package entries

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	expiry "wit_component/berth_state_expiry"
	scanning "wit_component/berth_state_scanning"
	transactions "wit_component/berth_state_transactions"
	. "wit_component/berth_state_types"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const (
	// What an entry costs beside its key and its value, about.
	entryOverhead = 128
	// Unless the setting says otherwise. A hand-over needs as much again, twice, and the garbage collector likes as
	// much again: fits into a memory limit of 64 MiB.
	defaultCapacity = 8 << 20
	// A page ends when its values are this long: answers stay small.
	pageBytes = 1 << 20
	// How many entries one call of purge looks at.
	purgeEntries = 1000
)

type value struct {
	bytes   []byte
	version uint64 // as text, the ETag; none is used twice, also not after a hand-over
	expires Option[uint64]
}

func (v *value) isLive(now uint64) bool {
	return v != nil && (v.expires.IsNone() || now < v.expires.Some())
}

func (v *value) entry() Entry {
	return Entry{Value: v.bytes, Etag: strconv.FormatUint(v.version, 10), Expires: v.expires}
}

func cost(key string, v *value) uint64 {
	if v == nil {
		return 0
	}
	return uint64(entryOverhead + len(key) + len(v.bytes))
}

type Entries struct {
	Capacity    uint64
	values      map[string]*value
	lastVersion uint64
	used        uint64
	// The keys in order, made when it is needed; may hold some that were deleted since.
	ordered []string
}

func newEntries(capacity uint64) Entries {
	return Entries{Capacity: capacity, values: map[string]*value{}}
}

// Outcome is a call's result as the bindings want it.
func Outcome[T any](result T, err *Error) Result[T, Error] {
	if err != nil {
		return Err[T](*err)
	}
	return Ok[T, Error](result)
}

func (e *Entries) Get(now uint64, key string) Option[Entry] {
	if v := e.values[key]; v.isLive(now) {
		return Some(v.entry())
	}
	return None[Entry]()
}

func (e *Entries) Set(now uint64, write Write) (string, *Error) {
	_, err := e.replace(now, write)
	return strconv.FormatUint(e.lastVersion, 10), err
}

func (e *Entries) Delete(now uint64, removal Removal) *Error {
	_, err := e.remove(now, removal)
	return err
}

func (e *Entries) Transact(now uint64, operations []transactions.Operation) *transactions.Failure {
	type change struct {
		key    string
		before *value
	}
	var undo []change
	for i, operation := range operations {
		var key string
		var before *value
		var err *Error
		if operation.Tag() == transactions.Operation_Set {
			key = operation.Set().Key
			before, err = e.replace(now, operation.Set())
		} else {
			key = operation.Delete().Key
			before, err = e.remove(now, operation.Delete())
		}
		if err == nil {
			undo = append(undo, change{key, before})
			continue
		}
		for _, change := range slices.Backward(undo) {
			e.put(change.key, change.before)
		}
		failure := transactions.Failure{Error: *err}
		if err.Tag() == Error_EtagMismatch || err.Tag() == Error_EtagInvalid {
			failure.Operation = Some(uint32(i))
		}
		return &failure
	}
	return nil
}

func (e *Entries) Scan(now uint64, prefix string, after Option[string], limit uint32) scanning.Page {
	var page scanning.Page
	size := 0
	for key, v := range e.beginWith(prefix, after) {
		if !v.isLive(now) {
			continue
		}
		if len(page.Items) >= int(limit) || size >= pageBytes {
			page.Next = Some(page.Items[len(page.Items)-1].Key)
			break
		}
		size += len(v.bytes)
		page.Items = append(page.Items, scanning.Item{Key: key, Entry: v.entry()})
	}
	return page
}

func (e *Entries) DeletePrefix(now uint64, prefix string) uint64 {
	var deleted uint64
	for key, v := range e.beginWith(prefix, None[string]()) {
		if v.isLive(now) {
			deleted++
		}
		e.put(key, nil)
	}
	return deleted
}

func (e *Entries) Purge(now uint64, after Option[string]) expiry.Purged {
	var purged expiry.Purged
	lookedAt := 0
	for key, v := range e.beginWith("", after) {
		if !v.isLive(now) {
			e.put(key, nil)
			purged.Entries++
		}
		if lookedAt++; lookedAt == purgeEntries {
			purged.Next = Some(key)
			break
		}
	}
	return purged
}

// The saved state, numbers in little-endian: the format | last version | and for each entry
// version | expires, all ones for never | bytes of the key | of the value | key | value
const (
	format    = 1
	headBytes = 1 + 8
	never     = ^uint64(0)
)

type entryHead struct {
	Version, Expires     uint64
	KeyBytes, ValueBytes uint32
}

const entryHeadBytes = 24

func (e *Entries) Save() []byte {
	size := headBytes
	for key, v := range e.values {
		size += entryHeadBytes + len(key) + len(v.bytes)
	}
	state := append(make([]byte, 0, size), format)
	state = binary.LittleEndian.AppendUint64(state, e.lastVersion)
	for key, v := range e.values {
		state = binary.LittleEndian.AppendUint64(state, v.version)
		state = binary.LittleEndian.AppendUint64(state, v.expires.SomeOr(never))
		state = binary.LittleEndian.AppendUint32(state, uint32(len(key)))
		state = binary.LittleEndian.AppendUint32(state, uint32(len(v.bytes)))
		state = append(append(state, key...), v.bytes...)
	}
	return state
}

// Restore changes nothing when it fails.
func (e *Entries) Restore(state []byte) error {
	if len(state) < headBytes {
		return errors.New("a state that ends inside its head")
	}
	if state[0] != format {
		return fmt.Errorf("a state of format %d; this store reads %d", state[0], format)
	}
	restored := newEntries(e.Capacity)
	restored.lastVersion = binary.LittleEndian.Uint64(state[1:])
	for rest := state[headBytes:]; len(rest) > 0; {
		var head entryHead
		n, err := binary.Decode(rest, binary.LittleEndian, &head)
		if err != nil || uint64(len(rest)-n) < uint64(head.KeyBytes)+uint64(head.ValueBytes) {
			return errors.New("a state that ends inside an entry")
		}
		key := string(rest[n:][:head.KeyBytes])
		bytes := slices.Clone(rest[n+len(key):][:head.ValueBytes])
		rest = rest[n+len(key)+len(bytes):]
		if head.Version > restored.lastVersion || !utf8.ValidString(key) {
			return errors.New("a damaged entry in the state")
		}
		v := &value{bytes: bytes, version: head.Version}
		if head.Expires != never {
			v.expires = Some(head.Expires)
		}
		restored.put(key, v)
	}
	*e = restored
	return nil
}

func (e *Entries) beginWith(prefix string, after Option[string]) iter.Seq2[string, *value] {
	if e.ordered == nil {
		e.ordered = slices.Sorted(maps.Keys(e.values))
	}
	first, found := slices.BinarySearch(e.ordered, after.SomeOr(prefix))
	if found && after.IsSome() {
		first++
	}
	return func(yield func(string, *value) bool) {
		for _, key := range e.ordered[first:] {
			if !strings.HasPrefix(key, prefix) {
				return
			}
			if v := e.values[key]; v != nil && !yield(key, v) {
				return
			}
		}
	}
}

func (e *Entries) check(now uint64, key string, condition Condition) *Error {
	v := e.values[key]
	held := true
	switch condition.Tag() {
	case Condition_IfAbsent:
		held = !v.isLive(now)
	case Condition_IfEtag:
		version, valid := versionOf(condition.IfEtag())
		if !valid {
			err := MakeErrorEtagInvalid()
			return &err
		}
		held = v.isLive(now) && v.version == version
	}
	if !held {
		err := MakeErrorEtagMismatch()
		return &err
	}
	return nil
}

// Returns what was there.
func (e *Entries) replace(now uint64, write Write) (*value, *Error) {
	if err := e.check(now, write.Key, write.Condition); err != nil {
		return nil, err
	}
	v := &value{bytes: write.Value, version: e.lastVersion + 1, expires: write.Expires}
	before, after := cost(write.Key, e.values[write.Key]), cost(write.Key, v)
	if after > before && e.used-before+after > e.Capacity {
		err := MakeErrorFull(fmt.Sprintf("the entries have reached the setting capacity, %d bytes", e.Capacity))
		return nil, &err
	}
	e.lastVersion++
	return e.put(write.Key, v), nil
}

// Likewise.
func (e *Entries) remove(now uint64, removal Removal) (*value, *Error) {
	if err := e.check(now, removal.Key, removal.Condition); err != nil {
		return nil, err
	}
	return e.put(removal.Key, nil), nil
}

// Likewise; without any condition.
func (e *Entries) put(key string, v *value) *value {
	before := e.values[key]
	e.used += cost(key, v)
	e.used -= cost(key, before)
	if v == nil {
		delete(e.values, key)
		return before
	}
	if before == nil {
		e.ordered = nil
	}
	e.values[key] = v
	return before
}

// False for a text that Set never returned.
func versionOf(etag string) (uint64, bool) {
	version, err := strconv.ParseUint(etag, 10, 64)
	return version, err == nil && strconv.FormatUint(version, 10) == etag
}

// Package kube reads Kubernetes objects through berth:kubernetes/reading. `berth kube bindings` puts this
// runtime in front of the kinds it generates.
//
// A view is a piece of an object's text and reads what it is asked for; nothing is parsed before. What is
// absent, null or of another type reads as empty, 0 or false; Exists tells.
package kube

import (
	"iter"
	"strconv"
	"strings"
	"unsafe"

	"wit_component/berth_kubernetes_reading"
	"wit_component/berth_kubernetes_types"

	types "go.bytecodealliance.org/pkg/wit/types"
)

func skipSpace(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}

func endOfString(text string, at int) int {
	for at++; at < len(text) && text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(text))
}

// The end of the value at the front; len(text) where it is cut off. Not recursive.
func endOfValue(text string, at int) int {
	depth := 0
	for at < len(text) {
		switch c := text[at]; c {
		case '"':
			at = endOfString(text, at)
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			for at < len(text) && strings.IndexByte(",:]} \n\r\t", text[at]) < 0 {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// Steps through the entries of an object or, with open = '[', of a list.
func entries(text string, open byte) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if text == "" || text[0] != open {
			return
		}
		for at := 1; ; {
			at = skipSpace(text, at)
			if at < len(text) && text[at] == ',' {
				at = skipSpace(text, at+1)
			}
			key := ""
			if open == '{' {
				if at >= len(text) || text[at] != '"' {
					return
				}
				end := endOfString(text, at)
				key = text[at:end]
				if at = skipSpace(text, end); at >= len(text) || text[at] != ':' {
					return
				}
				at = skipSpace(text, at+1)
			}
			end := endOfValue(text, at)
			if end == at || !yield(key, text[at:end]) {
				return
			}
			at = end
		}
	}
}

func unquoted(text string) string {
	if len(text) < 2 || text[0] != '"' {
		return ""
	}
	inside := text[1 : len(text)-1]
	if strings.IndexByte(inside, '\\') < 0 {
		return inside
	}
	out := make([]byte, 0, len(inside))
	for i := 0; i < len(inside); i++ {
		if inside[i] != '\\' || i+1 == len(inside) {
			out = append(out, inside[i])
			continue
		}
		i++
		switch c := inside[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			code := hex4(inside, i+1)
			i += 4
			if code >= 0xD800 && code < 0xDC00 && i+2 < len(inside) && inside[i+1:i+3] == `\u` {
				if low := hex4(inside, i+3); low >= 0xDC00 && low < 0xE000 {
					code = 0x10000 + (code-0xD800)<<10 + (low - 0xDC00)
					i += 6
				}
			}
			out = append(out, string(code)...) // what is no character becomes U+FFFD
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func hex4(text string, at int) rune {
	if at+4 > len(text) {
		return 0xFFFD
	}
	code, err := strconv.ParseUint(text[at:at+4], 16, 16)
	if err != nil {
		return 0xFFFD
	}
	return rune(code)
}

// AppendQuoted appends text, which is UTF-8, as a JSON string.
func AppendQuoted(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

// View is a value, wherever it stands.
type View struct{ text string }

// ViewOf reads JSON.
func ViewOf(text string) View { return View{text[skipSpace(text, 0):]} }

func (v View) Exists() bool { return v.text != "" && v.text != "null" }

// Text is the value as it stands in the object.
func (v View) Text() string { return v.text }

func (v View) At(key string) View {
	for k, value := range entries(v.text, '{') {
		if k[1:len(k)-1] == key {
			return View{value}
		}
	}
	return View{}
}

func (v View) AsString() string { return unquoted(v.text) }
func (v View) AsBool() bool     { return v.text == "true" }

func (v View) AsInt() int64 {
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (v View) AsFloat() float64 {
	n, err := strconv.ParseFloat(v.text, 64)
	if err != nil {
		return 0
	}
	return n
}

// List is a list of T.
type List[T any] struct {
	View
	of func(View) T
}

func (l List[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, value := range entries(l.text, '[') {
			if !yield(l.of(View{value})) {
				return
			}
		}
	}
}

// Map is T by name.
type Map[T any] struct {
	View
	of func(View) T
}

func (m Map[T]) All() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for key, value := range entries(m.text, '{') {
			if !yield(unquoted(key), m.of(View{value})) {
				return
			}
		}
	}
}

func (m Map[T]) Get(key string) T { return m.of(m.At(key)) }

// Metadata is what every object has.
type Metadata struct{ View }

func (m Metadata) Name() string              { return m.At("name").AsString() }
func (m Metadata) Namespace() string         { return m.At("namespace").AsString() }
func (m Metadata) UID() string               { return m.At("uid").AsString() }
func (m Metadata) ResourceVersion() string   { return m.At("resourceVersion").AsString() }
func (m Metadata) Generation() int64         { return m.At("generation").AsInt() }
func (m Metadata) CreationTimestamp() string { return m.At("creationTimestamp").AsString() }
func (m Metadata) DeletionTimestamp() string { return m.At("deletionTimestamp").AsString() }
func (m Metadata) Labels() Map[string]       { return Map[string]{m.At("labels"), View.AsString} }
func (m Metadata) Annotations() Map[string]  { return Map[string]{m.At("annotations"), View.AsString} }

// Object is one object.
type Object struct{ View }

func (o Object) Metadata() Metadata { return Metadata{o.At("metadata")} }

// Error is why there was no answer, or the API's own.
type Error struct{ cause berth_kubernetes_types.Error }

// Status is the API's HTTP status; 0: it did not answer.
func (e *Error) Status() int {
	if e.cause.Tag() == berth_kubernetes_types.Error_Status {
		return int(e.cause.Status().Code)
	}
	return 0
}

func (e *Error) Error() string {
	switch e.cause.Tag() {
	case berth_kubernetes_types.Error_Status:
		return e.cause.Status().Message
	case berth_kubernetes_types.Error_Denied:
		return e.cause.Denied()
	case berth_kubernetes_types.Error_Invalid:
		return e.cause.Invalid()
	case berth_kubernetes_types.Error_Unavailable:
		return e.cause.Unavailable()
	default:
		return e.cause.TooLarge()
	}
}

// Where is what of a kind is wanted; empty: all.
type Where struct {
	Namespace string
	Labels    string // "app in (a, b)"
	Fields    string // "status.phase=Running"
}

// Kind is one kind of object.
type Kind[T any] struct {
	resource berth_kubernetes_types.ResourceType
	of       func(Object) T
}

func some(text string) types.Option[string] {
	if text == "" {
		return types.None[string]()
	}
	return types.Some(text)
}

func object(bytes []byte) Object { return Object{ViewOf(unsafe.String(unsafe.SliceData(bytes), len(bytes)))} }

// List gives the objects as they come; the last pair has the error that ended it early, if one did.
func (k Kind[T]) List(where Where) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		listing := berth_kubernetes_reading.MakeListing(k.resource, some(where.Namespace),
			berth_kubernetes_types.Selection{Labels: where.Labels, Fields: where.Fields})
		defer listing.Drop()
		for {
			page := listing.Next()
			if page.IsErr() {
				var none T
				yield(none, &Error{page.Err()})
				return
			}
			if len(page.Ok()) == 0 {
				return
			}
			for _, item := range page.Ok() {
				if !yield(k.of(object(item.Object)), nil) {
					return
				}
			}
		}
	}
}

// Get reads one; no namespace: a cluster-scoped one.
func (k Kind[T]) Get(namespace, name string) (T, error) {
	answer := berth_kubernetes_reading.Get(berth_kubernetes_types.ObjectName{
		Resource: k.resource, Namespace: some(namespace), Name: name, Subresource: types.None[string]()})
	if answer.IsErr() {
		var none T
		return none, &Error{answer.Err()}
	}
	return k.of(object(answer.Ok())), nil
}

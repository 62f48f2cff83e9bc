package factory

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MemberError says what is wrong with one member of a document.
type MemberError struct {
	// Pointer locates the member: a JSON pointer (RFC 6901) into the document.
	Pointer string
	// Detail begins with a verb, such as "must be a string", and is safe to show to
	// the sender.
	Detail string
}

// MemberErrors is the error of a document with invalid members. It wraps ErrInvalid.
type MemberErrors []MemberError

// maxMemberErrors is the most members that MemberErrors lists.
const maxMemberErrors = 100

func (e MemberErrors) Error() string {
	texts := make([]string, len(e))
	for i, m := range e {
		texts[i] = m.Pointer + ": " + m.Detail
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns ErrInvalid.
func (MemberErrors) Unwrap() error { return ErrInvalid }

// Add lists a member. A member is listed once, and those after the first hundred are
// not.
func (e *MemberErrors) Add(pointer, detail string) {
	if len(*e) < maxMemberErrors && !slices.ContainsFunc(*e, func(m MemberError) bool { return m.Pointer == pointer }) {
		*e = append(*e, MemberError{Pointer: pointer, Detail: detail})
	}
}

// AddError lists what err says about the member at pointer: the members below it if
// err is MemberErrors, otherwise the member itself. A nil err adds nothing.
func (e *MemberErrors) AddError(pointer string, err error) {
	if err == nil {
		return
	}
	if below, ok := errors.AsType[MemberErrors](err); ok {
		for _, m := range below {
			e.Add(pointer+m.Pointer, m.Detail)
		}
		return
	}
	e.Add(pointer, strings.TrimSuffix(err.Error(), ": "+ErrInvalid.Error()))
}

// Err returns e as an error, nil if no member is listed.
func (e MemberErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// DecodeDocument decodes a JSON object into the struct that dst points to, more
// strictly than encoding/json: a member must have the exact name of a field's json
// tag, may appear once, and must have the type of the field. A null member counts as
// missing, which is left to the caller; elements are not null. Fields may be texts,
// float64, int, int64, booleans, slices, maps with text keys, structs (embedded ones
// too), pointers to these, json.RawMessage, and types that implement
// encoding.TextUnmarshaler, whose error becomes the detail.
//
// The error is MemberErrors with all members at fault, or wraps ErrInvalid if data is
// not a JSON object.
func DecodeDocument(data []byte, dst any) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("the document is not valid UTF-8: %w", ErrInvalid)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			before := data[:max(0, min(int(syntax.Offset)-1, len(data)))]
			return fmt.Errorf("the document is not valid JSON at line %d, column %d: %s: %w",
				1+bytes.Count(before, []byte{'\n'}), len(before)-bytes.LastIndexByte(before, '\n'), syntax.Error(), ErrInvalid)
		}
		return fmt.Errorf("the document is not valid JSON: %s: %w", err.Error(), ErrInvalid)
	}
	if data = bytes.TrimLeft(data, " \t\r\n"); data[0] != '{' {
		return fmt.Errorf("the document is not a JSON object: %w", ErrInvalid)
	}
	d := documentDecoder{json: json.NewDecoder(bytes.NewReader(data))}
	d.json.UseNumber()
	d.value(reflect.ValueOf(dst).Elem(), "")
	return d.errors.Err()
}

// documentDecoder reads a document that is known to be valid JSON.
type documentDecoder struct {
	json   *json.Decoder
	errors MemberErrors
}

// value reads the next value into dst, which null leaves as it is.
func (d *documentDecoder) value(dst reflect.Value, pointer string) (null bool) {
	if dst.Type() == reflect.TypeFor[json.RawMessage]() {
		var raw json.RawMessage
		_ = d.json.Decode(&raw)
		if null = string(raw) == "null"; !null {
			dst.SetBytes(raw)
		}
		return null
	}
	token, _ := d.json.Token()
	if token == nil {
		return true
	}
	for dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	var wanted string
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](dst.Addr()); ok {
		wanted = d.unmarshalText(text, token, pointer)
	} else {
		wanted = d.set(dst, token, pointer)
	}
	if wanted != "" {
		d.errors.Add(pointer, "must be "+wanted)
	}
	return false
}

// unmarshalText passes a text to its field, or returns what the member must be
// instead.
func (d *documentDecoder) unmarshalText(dst encoding.TextUnmarshaler, token json.Token, pointer string) (wanted string) {
	text, ok := token.(string)
	if !ok {
		d.skip(token)
		return aString
	}
	d.errors.AddError(pointer, dst.UnmarshalText([]byte(text)))
	return ""
}

// The types of members in errors.
const (
	aString   = "a string"
	aBoolean  = "true or false"
	aNumber   = "a number"
	anInteger = "an integer"
	anArray   = "an array"
	anObject  = "an object"
)

// set sets a field to the value that begins with token, or returns what the member
// must be instead.
func (d *documentDecoder) set(dst reflect.Value, token json.Token, pointer string) (wanted string) {
	text, isText := token.(string)
	truth, isTruth := token.(bool)
	number, isNumber := token.(json.Number)
	switch dst.Kind() {
	case reflect.String:
		if wanted = aString; isText {
			dst.SetString(text)
			return ""
		}
	case reflect.Bool:
		if wanted = aBoolean; isTruth {
			dst.SetBool(truth)
			return ""
		}
	case reflect.Float64:
		if wanted = aNumber; isNumber {
			return setFloat(dst, number.String())
		}
	case reflect.Int, reflect.Int64:
		if wanted = anInteger; isNumber {
			return setInteger(dst, number.String())
		}
	case reflect.Slice:
		if wanted = anArray; token == json.Delim('[') {
			d.array(dst, pointer)
			return ""
		}
	case reflect.Map:
		if wanted = anObject; token == json.Delim('{') {
			d.table(dst, pointer)
			return ""
		}
	case reflect.Struct:
		if wanted = anObject; token == json.Delim('{') {
			d.object(dst, pointer)
			return ""
		}
	default:
		panic("factory: a document has no fields of type " + dst.Type().String())
	}
	d.skip(token)
	return wanted
}

func setFloat(dst reflect.Value, number string) (wanted string) {
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "in the range of a 64-bit float"
	}
	dst.SetFloat(value)
	return ""
}

// maxExactInteger is the greatest integer that every JSON program reads as it is.
const maxExactInteger = 1 << 53

func setInteger(dst reflect.Value, number string) (wanted string) {
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value != math.Trunc(value) || math.Abs(value) > maxExactInteger {
		return anInteger
	}
	dst.SetInt(int64(value))
	return ""
}

func (d *documentDecoder) array(dst reflect.Value, pointer string) {
	list := reflect.MakeSlice(dst.Type(), 0, 0)
	for d.json.More() {
		list = reflect.Append(list, reflect.Zero(dst.Type().Elem()))
		d.element(list.Index(list.Len()-1), pointer+"/"+strconv.Itoa(list.Len()-1))
	}
	_, _ = d.json.Token()
	dst.Set(list)
}

// table reads the rest of an object into a map.
func (d *documentDecoder) table(dst reflect.Value, pointer string) {
	table := reflect.MakeMap(dst.Type())
	for d.json.More() {
		key, at := d.key(pointer)
		element := reflect.New(dst.Type().Elem()).Elem()
		d.element(element, at)
		name := reflect.ValueOf(key).Convert(dst.Type().Key())
		if table.MapIndex(name).IsValid() {
			d.errors.Add(at, repeated)
		}
		table.SetMapIndex(name, element)
	}
	_, _ = d.json.Token()
	dst.Set(table)
}

// element reads an element of an array or a map.
func (d *documentDecoder) element(dst reflect.Value, pointer string) {
	if d.value(dst, pointer) {
		d.errors.Add(pointer, "must not be null")
	}
}

const repeated = "appears more than once"

// object reads the rest of an object into a struct.
func (d *documentDecoder) object(dst reflect.Value, pointer string) {
	fields := map[string]reflect.Value{}
	addFields(fields, dst)
	seen := map[string]bool{}
	for d.json.More() {
		key, at := d.key(pointer)
		field, known := fields[key]
		if known && !seen[key] {
			seen[key] = true
			d.value(field, at)
			continue
		}
		token, _ := d.json.Token()
		d.skip(token)
		if known {
			d.errors.Add(at, repeated)
		} else {
			d.errors.Add(at, "is unknown")
		}
	}
	_, _ = d.json.Token()
}

// addFields adds the fields of a struct by the names in their json tags, and those of
// embedded structs.
func addFields(fields map[string]reflect.Value, of reflect.Value) {
	for field, value := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name != "" && name != "-":
			fields[name] = value
		case name == "" && field.Anonymous:
			addFields(fields, value)
		}
	}
}

// key reads the name of a member and returns the pointer to the member, in which long
// names are shortened.
func (d *documentDecoder) key(pointer string) (key, at string) {
	token, _ := d.json.Token()
	key, _ = token.(string)
	short := key
	if len(short) > maxPointerToken {
		short = strings.ToValidUTF8(short[:maxPointerToken], "") + "…"
	}
	return key, pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(short)
}

// maxPointerToken is the most bytes of a name in a pointer.
const maxPointerToken = 64

// skip reads the rest of the value that begins with token.
func (d *documentDecoder) skip(token json.Token) {
	for depth := 0; ; token, _ = d.json.Token() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

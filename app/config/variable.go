package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// variable is one field of a Config together with its struct tags.
type variable struct {
	name, defaultText string
	field             reflect.Value // addressable
	tag               reflect.StructTag
}

// variables returns the variables of c in the order of its fields.
func (c *Config) variables() []variable {
	var all []variable
	for field, value := range reflect.ValueOf(c).Elem().Fields() {
		if name := field.Tag.Get("envconfig"); name != "" {
			all = append(all, variable{name: name, defaultText: field.Tag.Get("default"), field: value, tag: field.Tag})
		}
	}
	return all
}

// allowsEmpty reports whether an empty text is a value instead of the default.
func (v variable) allowsEmpty() bool { return v.tag.Get("allowempty") != "" }

// decode sets the field from text without surrounding space; an empty text, and the
// words in the tag zero, set its zero value. After an
// error the field has an undefined value.
func (v variable) decode(text string) (err error) {
	if _, isSecret := reflect.TypeAssert[Secret](v.field); !isSecret {
		text = strings.TrimSpace(text)
	}
	if text == "" || slices.Contains(strings.Fields(v.tag.Get("zero")), strings.ToLower(text)) {
		v.field.SetZero()
		return nil
	}
	switch value := v.field.Addr().Interface().(type) {
	case *string:
		*value = text
	case *bool:
		if *value, err = strconv.ParseBool(text); err != nil {
			err = errors.New("want true or false")
		}
	case *int:
		*value, err = strconv.Atoi(text)
	case *time.Duration:
		*value, err = parseDuration(text)
	case *slog.Level:
		// UnmarshalText accepts more, such as info+1.
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(text)) {
			return errors.New("want debug, info, warn or error")
		}
		err = value.UnmarshalText([]byte(text))
	case envconfig.Decoder:
		err = value.Decode(text)
	default:
		panic(fmt.Sprintf("config: %s has the unsupported type %s", v.name, v.field.Type()))
	}
	if _, _, want := v.bounds(); err != nil && want != "" {
		return errors.New(want)
	}
	return err
}

// check returns what is wrong with the field's value by its own tags, or "".
func (v variable) check() string {
	if words := strings.Fields(v.tag.Get("oneof")); len(words) > 0 && !v.field.IsZero() && !slices.Contains(words, v.field.String()) {
		return "want " + strings.Join(words, " or ")
	}
	low, high, want := v.bounds()
	if want != "" && (v.field.Int() < low || v.field.Int() > high) {
		return want
	}
	return ""
}

// bounds returns which numbers the variable accepts and a description of them,
// which is empty if it is not numeric. Without a tag min, it accepts all above 0.
func (v variable) bounds() (low, high int64, want string) {
	switch v.field.Interface().(type) {
	case int:
		want = "want a whole number"
	case time.Duration:
		want = "want a duration such as 500ms, 30s, 5m or 30d"
	case Bytes:
		want = "want a size such as 65536, 512Ki or 4Mi"
	default:
		return 0, 0, ""
	}
	low, lowErr := strconv.ParseInt(v.tag.Get("min"), 10, 64)
	high, highErr := strconv.ParseInt(v.tag.Get("max"), 10, 64)
	switch {
	case lowErr != nil:
		return 1, math.MaxInt64, want + ", over 0"
	case highErr != nil:
		return low, math.MaxInt64, fmt.Sprintf("%s, at least %d", want, low)
	}
	return low, high, fmt.Sprintf("%s from %d to %d", want, low, high)
}

// redact returns text in the form in which it may be printed.
func (v variable) redact(text string) string {
	switch v.field.Interface().(type) {
	case Secret:
		return NewSecret(text).String()
	case URL:
		return NewURL(text).String()
	}
	return text
}

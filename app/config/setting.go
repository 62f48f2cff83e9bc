package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const fileSuffix = "_FILE"

// setting is one field of a Config on its way from text to value. It is an
// envconfig.Decoder that keeps its problem instead of returning it: envconfig
// stops at the first error, and all problems are to be reported together.
type setting struct {
	name, standard string
	tag            reflect.StructTag
	value          any // pointer to the field
	text           string
	path           string // file that text came from, if any
	problem        string
}

// settingsOf returns a setting for each field of c that is a variable.
func settingsOf(c *Config) []*setting {
	var all []*setting
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		if name := tag.Get("envconfig"); name != "" {
			all = append(all, &setting{
				name: name, standard: tag.Get("default"), tag: tag, value: fields.Field(i).Addr().Interface(),
			})
		}
	}
	return all
}

// Decode sets the field from text; an empty text is the default, except where
// it has a meaning of its own.
func (s *setting) Decode(text string) error {
	if text == "" && s.tag.Get("empty") == "" {
		text = s.standard
	}
	s.text, s.problem = text, ""
	if text != "" {
		s.problem = s.parse(text)
	}
	if text == "" || s.problem != "" {
		reflect.ValueOf(s.value).Elem().SetZero()
	}
	return nil
}

// parse sets the field and returns what is wrong with text, or "".
func (s *setting) parse(text string) (problem string) {
	var err error
	switch value := s.value.(type) {
	case *string:
		*value = text
	case *Secret:
		*value = NewSecret(text)
	case *URL:
		*value = NewURL(text)
	case *bool:
		if *value, err = strconv.ParseBool(text); err != nil {
			return "want true or false"
		}
	case *int:
		*value, err = strconv.Atoi(text)
		return bounded(int64(*value), err, s.bounds("a whole number", integer))
	case *time.Duration:
		*value, err = time.ParseDuration(text)
		return bounded(int64(*value), err, s.bounds("a duration such as 500ms, 30s or 5m", duration))
	case *Bytes:
		*value, err = ParseBytes(text)
		return bounded(int64(*value), err, s.bounds("a size such as 65536, 512Ki or 4Mi", size))
	case *slog.Level:
		return parseLevel(value, text)
	case *[]string:
		*value = splitList(text)
	case *[]netip.Prefix:
		return parsePrefixes(value, text)
	default:
		panic(fmt.Sprintf("config: no rule to read %s into %T", s.name, s.value))
	}
	if words := strings.Fields(s.tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, text) {
		return "want " + strings.Join(words, " or ")
	}
	if check := forms[s.tag.Get("form")]; check != nil {
		return check(text)
	}
	return ""
}

// bounds are what a number must keep to.
type bounds struct {
	low, high int64
	allowed   string
}

// bounds reads the bounds of the field from its tags; without a min tag they
// are all numbers over 0.
func (s *setting) bounds(what string, parse func(string) (int64, error)) bounds {
	from, to := s.tag.Get("min"), s.tag.Get("max")
	b := bounds{low: 1, high: math.MaxInt64, allowed: "want " + what + ", over 0"}
	if from != "" {
		b.low = mustParse(parse, from)
		b.allowed = fmt.Sprintf("want %s, at least %s", what, from)
	}
	if to != "" {
		b.high = mustParse(parse, to)
		b.allowed = fmt.Sprintf("want %s from %s to %s", what, from, to)
	}
	return b
}

// bounded returns "" if err is nil and n within b, and else what is allowed.
func bounded(n int64, err error, b bounds) string {
	if err == nil && n >= b.low && n <= b.high {
		return ""
	}
	return b.allowed
}

func integer(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

func duration(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	return int64(d), err
}

func size(text string) (int64, error) {
	b, err := ParseBytes(text)
	return int64(b), err
}

// mustParse reads a bound from a tag of Config, which is ours.
func mustParse(parse func(string) (int64, error), text string) int64 {
	n, err := parse(text)
	if err != nil {
		panic("config: bound in a tag: " + err.Error())
	}
	return n
}

func parseLevel(level *slog.Level, text string) string {
	words := []string{"debug", "info", "warn", "error"}
	if !slices.Contains(words, strings.ToLower(text)) {
		return "want debug, info, warn or error"
	}
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return err.Error()
	}
	return ""
}

func parsePrefixes(prefixes *[]netip.Prefix, text string) string {
	*prefixes = nil
	for _, word := range splitList(text) {
		prefix, err := netip.ParsePrefix(word)
		if addr, addrErr := netip.ParseAddr(word); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return fmt.Sprintf("%q is neither an address nor a CIDR range such as 10.0.0.0/8", word)
		}
		*prefixes = append(*prefixes, prefix.Masked())
	}
	return ""
}

// splitList returns the parts of a comma separated list without the space
// around them; empty parts are left out.
func splitList(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

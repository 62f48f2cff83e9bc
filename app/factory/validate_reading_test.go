package factory_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"smart-factory-backend/app/factory"

	"golang.org/x/text/unicode/norm"
)

func TestValidateName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name string
		want string // part of the error's text; "" when valid
	}{
		"one byte is enough":                    {name: "m"},
		"inner spaces are kept":                 {name: "press 4 left"},
		"separators are ordinary characters":    {name: "site/area/line:press-4.x,y=z%\\\"'"},
		"other scripts are ordinary characters": {name: "печь-№4/温度"},
		"512 bytes fit":                         {name: strings.Repeat("x", 512)},
		"64 two-byte characters fit":            {name: strings.Repeat("é", 64)},
		"empty":                                 {name: "", want: "is empty"},
		"513 bytes do not fit":                  {name: strings.Repeat("x", 513), want: "has 513 bytes, more than 512"},
		"bytes count, not characters":           {name: strings.Repeat("é", 257), want: "has 514 bytes, more than 512"},
		"leading space":                         {name: " press", want: "starts or ends with a space"},
		"trailing space":                        {name: "press ", want: "starts or ends with a space"},
		"a space alone":                         {name: " ", want: "starts or ends with a space"},
		"leading no-break space":                {name: "\u00a0press", want: "starts or ends with a space"},
		"trailing ideographic space":            {name: "温度\u3000", want: "starts or ends with a space"},
		"tab":                                   {name: "a\tb", want: "control character at byte 1"},
		"line feed at the end":                  {name: "press\n", want: "control character at byte 5"},
		"nul":                                   {name: "\x00", want: "control character at byte 0"},
		"delete":                                {name: "a\x7f", want: "control character at byte 1"},
		"control character after a wide one":    {name: "é\x01", want: "control character at byte 2"},
		"C1 control character":                  {name: "a\u0085b", want: "control character at byte 1"},
		"bytes that are not UTF-8":              {name: "a\xffb", want: "is not valid UTF-8"},
		"a letter and its accent as one":        {name: "caf\u00e9"},
		"a letter and its accent apart":         {name: "cafe\u0301", want: `is not in Unicode normal form C (NFC), which is "café"`},
		"an angstrom sign":                      {name: "\u212b", want: "normal form C"},
		"Hangul":                                {name: "\uac00"},
		"Hangul in parts":                       {name: "\u1100\u1161", want: "normal form C"},
		"right-to-left script":                  {name: "מכונה"},
		"a right-to-left override":              {name: "a\u202eb", want: "invisible character U+202E at byte 1"},
		"a left-to-right mark":                  {name: "a\u200e", want: "invisible character U+200E"},
		"a direction isolate":                   {name: "\u2066a\u2069", want: "invisible character U+2066"},
		"a zero-width space":                    {name: "a\u200bb", want: "invisible character U+200B"},
		"a zero-width joiner":                   {name: "a\u200db", want: "invisible character U+200D"},
		"a byte order mark":                     {name: "\ufeffa", want: "invisible character U+FEFF"},
		"a soft hyphen":                         {name: "a\u00adb", want: "invisible character U+00AD"},
		"a word joiner":                         {name: "a\u2060b", want: "invisible character U+2060"},
		"a tag character":                       {name: "a\U000e0041", want: "invisible character U+E0041"},
		"a variation selector":                  {name: "a\ufe0f", want: "invisible character U+FE0F"},
		"a Hangul filler":                       {name: "a\u3164b", want: "invisible character U+3164"},
		"a line separator":                      {name: "a\u2028b", want: "invisible character U+2028"},
		"a paragraph separator":                 {name: "a\u2029b", want: "invisible character U+2029"},
		"a noncharacter":                        {name: "a\uffffb", want: "invisible character U+FFFF"},
		"a replacement character":               {name: "a\ufffd", want: "U+FFFD"},
		"half a surrogate pair":                 {name: "\xed\xa0\x80", want: "is not valid UTF-8"},
		"a character cut short":                 {name: "温\xe5", want: "is not valid UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := factory.ValidateName(factory.KindMetric, tt.name)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("ValidateName(metric, %q) = %v, want nil", tt.name, err)
				}
				return
			}
			if !errors.Is(err, factory.ErrInvalid) || !strings.HasPrefix(err.Error(), "metric name ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ValidateName(metric, %q) = %v, want ErrInvalid with %q", tt.name, err, tt.want)
			}
		})
	}
}

func TestValidateReading(t *testing.T) {
	t.Parallel()
	const now = int64(1_790_000_000_000)
	good := factory.Reading{Machine: "press-4", Metric: "temperature", ObservedAt: now, Value: 1}
	tests := map[string]struct {
		change func(*factory.Reading)
		want   string
	}{
		"as it is":                     {change: func(*factory.Reading) {}},
		"ten minutes ahead is allowed": {change: func(r *factory.Reading) { r.ObservedAt = now + 600_000 }},
		"one millisecond more is not":  {change: func(r *factory.Reading) { r.ObservedAt = now + 600_001 }, want: "more than 10 minutes ahead"},
		"the far future":               {change: func(r *factory.Reading) { r.ObservedAt = math.MaxInt64 }, want: "more than 10 minutes ahead"},
		"old recordings are welcome":   {change: func(r *factory.Reading) { r.ObservedAt = factory.MinObservedAt }},
		"seconds for milliseconds":     {change: func(r *factory.Reading) { r.ObservedAt = now / 1000 }, want: "give Unix milliseconds"},
		"a clock that was never set":   {change: func(r *factory.Reading) { r.ObservedAt = 0 }, want: "before 1971"},
		"the far past":                 {change: func(r *factory.Reading) { r.ObservedAt = math.MinInt64 }, want: "before 1971"},
		"negative zero":                {change: func(r *factory.Reading) { r.Value = math.Copysign(0, -1) }},
		"the largest double":           {change: func(r *factory.Reading) { r.Value = math.MaxFloat64 }},
		"the smallest double":          {change: func(r *factory.Reading) { r.Value = math.SmallestNonzeroFloat64 }},
		"not a number":                 {change: func(r *factory.Reading) { r.Value = math.NaN() }, want: "not a finite number"},
		"infinity":                     {change: func(r *factory.Reading) { r.Value = math.Inf(1) }, want: "not a finite number"},
		"minus infinity":               {change: func(r *factory.Reading) { r.Value = math.Inf(-1) }, want: "not a finite number"},
		"no machine":                   {change: func(r *factory.Reading) { r.Machine = "" }, want: "machine name is empty"},
		"no metric":                    {change: func(r *factory.Reading) { r.Metric = "" }, want: "metric name is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good
			tt.change(&r)
			err := factory.ValidateReading(r, now)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("ValidateReading(%+v) = %v, want nil", r, err)
				}
				return
			}
			if !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ValidateReading(%+v) = %v, want ErrInvalid with %q", r, err, tt.want)
			}
		})
	}
}

func TestValidReadingAllocatesNothing(t *testing.T) {
	for _, machine := range []string{"press-4", "печь-4"} {
		r := factory.Reading{Machine: machine, Metric: "temperature", ObservedAt: 1_790_000_000_000, Value: 21.5}
		allocs := testing.AllocsPerRun(100, func() {
			if err := factory.ValidateReading(r, r.ObservedAt); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("ValidateReading(machine %q): %v allocations, want 0", machine, allocs)
		}
	}
}

func FuzzValidateName(f *testing.F) {
	for _, seed := range []string{"", "press-4", " a", "a ", "a\x00", "é", "\xff", "\u2028x", strings.Repeat("é", 65), "a\u0085"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := factory.ValidateName(factory.KindMachine, name)
		valid := len(name) >= 1 && len(name) <= factory.MaxNameBytes && utf8.ValidString(name) &&
			strings.TrimSpace(name) == name && norm.NFC.IsNormalString(name) && !strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp,
				unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point)
		})
		if valid != (err == nil) {
			t.Fatalf("ValidateName(%q) = %v, want valid %v", name, err, valid)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("ValidateName(%q) = %v, want ErrInvalid", name, err)
		}
		if !utf8.ValidString(err.Error()) || strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("ValidateName(%q): its text %q is not fit to be shown", name, err)
		}
	})
}

func BenchmarkValidateReading(b *testing.B) {
	r := factory.Reading{Machine: "site-1/press-4", Metric: "temperature", ObservedAt: 1_790_000_000_000, Value: 21.5}
	b.ReportAllocs()
	for b.Loop() {
		if err := factory.ValidateReading(r, r.ObservedAt); err != nil {
			b.Fatal(err)
		}
	}
}

package config_test

import (
	"testing"

	"smart-factory-backend/app/config"
)

func TestParseBytes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want config.Bytes
		text string // what String makes of it
		ok   bool
	}{
		"0":                      {0, "0", true},
		"1000":                   {1000, "1000", true},
		"1024":                   {1024, "1Ki", true},
		"512Ki":                  {512 << 10, "512Ki", true},
		"1536Ki":                 {1536 << 10, "1536Ki", true},
		"4Mi":                    {4 << 20, "4Mi", true},
		"2Gi":                    {2 << 30, "2Gi", true},
		"8589934591Gi":           {8589934591 << 30, "8589934591Gi", true},
		"8589934592Gi":           {},
		"9223372036854775808":    {},
		"-1":                     {},
		"":                       {},
		"Mi":                     {},
		"4 Mi":                   {},
		"4M":                     {},
		"4MiB":                   {},
		"1.5Gi":                  {},
		"0x10":                   {},
		"4KiMi":                  {},
		"\x004Mi":                {},
		"99999999999999999999Mi": {},
	}
	for text, tt := range tests {
		got, err := config.ParseBytes(text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", text, got, err, tt.want)
		}
		if tt.ok && got.String() != tt.text {
			t.Errorf("ParseBytes(%q).String() = %q, want %q", text, got.String(), tt.text)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"0", "1000", "4Mi", "8589934592Gi", "-1Ki", "٣Mi"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := config.ParseBytes(text)
		if err != nil {
			return
		}
		again, err := config.ParseBytes(size.String())
		if err != nil || again != size || size < 0 {
			t.Errorf("ParseBytes(%q) = %d, and of its text %q: %d, %v", text, size, size, again, err)
		}
	})
}

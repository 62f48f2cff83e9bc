package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. Its text is a whole number, optionally followed by
// Ki, Mi or Gi for multiples of 1024.
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   Bytes
}{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}}

var errBytes = errors.New("not a size")

// ParseBytes parses a text such as 65536, 512Ki or 4Mi. A negative size is an
// error.
func ParseBytes(text string) (Bytes, error) {
	unit := Bytes(1)
	for _, u := range byteUnits {
		if number, found := strings.CutSuffix(text, u.suffix); found {
			text, unit = number, u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return 0, errBytes
	}
	return Bytes(n) * unit, nil
}

// Decode sets the size with ParseBytes.
func (b *Bytes) Decode(text string) (err error) {
	*b, err = ParseBytes(text)
	return err
}

// String returns the size with the largest suffix that represents it exactly.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

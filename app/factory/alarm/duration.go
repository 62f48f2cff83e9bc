package alarm

import (
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
)

// Duration is a length of time in a rule: whole milliseconds, at most MaxDuration.
type Duration time.Duration

// MaxDuration is the longest Duration.
const MaxDuration = Duration(366 * 24 * time.Hour)

// Milliseconds returns d in milliseconds.
func (d Duration) Milliseconds() int64 { return time.Duration(d).Milliseconds() }

// UnmarshalText parses "10s", "5m" or "1h30m". Its error wraps factory.ErrInvalid.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 || Duration(parsed) > MaxDuration || parsed%time.Millisecond != 0 {
		return fmt.Errorf("must be a length of time such as 500ms, 10s, 5m or 1h, at most %d days: %w", time.Duration(MaxDuration)/(24*time.Hour), factory.ErrInvalid)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText returns d as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

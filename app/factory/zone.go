package factory

import (
	"fmt"
	"regexp"
	"sync"
	"time"
	_ "time/tzdata" // for systems without time zone data
)

// zones maps names to *time.Location, since loading one is slow. There are about
// six hundred names.
var zones sync.Map

// zoneNamePattern excludes other spellings of a file's path.
var zoneNamePattern = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)

// LoadZone returns the time zone with an IANA name, such as Europe/Berlin or UTC.
// Its error wraps ErrInvalid.
func LoadZone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || !zoneNamePattern.MatchString(name) || name == "Local" {
		if len(name) > MaxNameBytes {
			name = name[:MaxNameBytes] + "…"
		}
		return nil, fmt.Errorf("%q is not the name of a time zone such as Europe/Berlin: %w", name, ErrInvalid)
	}
	zones.Store(name, loc)
	return loc, nil
}

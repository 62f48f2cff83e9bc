// Package quiet silences the standard logger while packages are initialised, so
// that nothing but the server's own lines, which are JSON in production, gets
// into its log, and nothing at all into what its commands print:
// github.com/VictoriaMetrics/metrics says there that a kernel has no PSI.
//
// Its init runs before theirs, which the language's order makes sure of: of all
// packages whose imports are initialised the first by import path is next. This
// one needs package log alone and comes before vendor/..., which net/http needs
// and whoever imports that. Main hands the standard logger on when it has one.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }

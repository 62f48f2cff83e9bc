package replay

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say what to replay, to whom and how fast.
type Options struct {
	// Files are the recordings, posted in this order where they are of the
	// same machine.
	Files []string
	// Machine is the name under which all of them are posted; "" gives each
	// the name of its file without the extension.
	Machine string
	// Columns chooses the metrics.
	Columns Columns

	// URL is the server's, such as "http://127.0.0.1:3000".
	URL string
	// Key is sent as a bearer token; "" sends none.
	Key string
	// Gzip compresses the requests.
	Gzip bool
	// Transport carries the requests; nil is one with HTTP keep-alive.
	Transport http.RoundTripper

	// Speed is the pace as a multiple of the recorded one; 0 is as fast as
	// the server takes it.
	Speed float64
	// ShiftToNow moves the times into the present. At a pace, each reading
	// gets the time at which it is due, so that none lies in the future; as
	// fast as it goes, a machine's recording is moved as a whole so that its
	// last reading is now.
	ShiftToNow bool
	// Batch is the most points in a request, 1 to 10 000. A row is never
	// divided.
	Batch int
	// Clients is how many machines are replayed at the same time; 0 is all of
	// them at a pace, and 4 as fast as it goes.
	Clients int

	// RetryFor bounds how long one request is repeated while the server can't
	// be reached or asks to come back later. Then the replay ends.
	RetryFor time.Duration
	// SkipRows leaves out so many rows at the beginning; for a single file.
	SkipRows int64
	// State names a file in which the acknowledged rows are noted; a replay
	// of the same recordings to the same server goes on from there. "" is off.
	State string

	// Display shows the progress; nil shows nothing.
	Progress *Progress
}

// ErrOptions says that the options contradict themselves or make no sense.
var ErrOptions = errors.New("wrong options")

// fastClients is how many machines are replayed at once without a pace: enough
// to keep a server busy.
const fastClients = 4

// check returns the options made whole, or all that is wrong with them.
func (o Options) validate() (Options, error) {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(o.Files) == 0 {
		wrong("no recording is named")
	}
	if o.Speed < 0 || math.IsNaN(o.Speed) || math.IsInf(o.Speed, 0) {
		wrong("speed %v: want a number above 0", o.Speed)
	}
	if o.Batch < 1 || o.Batch > maxColumns {
		wrong("batch %d: want 1 to %d points", o.Batch, maxColumns)
	}
	if o.Clients < 0 {
		wrong("clients %d: want 1 or more", o.Clients)
	}
	if o.RetryFor < 0 {
		wrong("retry for %v: want 0 or more", o.RetryFor)
	}
	problems = append(problems, o.validateSkip())
	endpoint, err := telemetryURL(o.URL)
	problems = append(problems, err)
	o.URL = endpoint
	if err := errors.Join(problems...); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return o, nil
}

func (o Options) validateSkip() error {
	switch {
	case o.SkipRows < 0:
		return fmt.Errorf("skip %d rows: want 0 or more", o.SkipRows)
	case o.SkipRows > 0 && len(o.Files) > 1:
		return errors.New("rows to skip are counted in one file, and several are named: keep a state file instead")
	case o.SkipRows > 0 && o.State != "":
		return errors.New("rows to skip are told by the state file: give one or the other")
	case o.SkipRows > 0 && o.ShiftToNow && o.Speed == 0:
		return errors.New("moving to now and skipping rows would move the rest by another amount than what was sent before: keep a state file instead")
	}
	return nil
}

// telemetryURL returns where readings are posted on the server at base.
func telemetryURL(base string) (string, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("url: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("url %q: want http://host:port or https://host:port", base)
	}
	return u.JoinPath("api/v1/telemetry").String(), nil
}

// machineOf names the machine of a recording.
func (o Options) machineOf(path string) string {
	if o.Machine != "" {
		return o.Machine
	}
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// sizeOf returns the length of the recording at path.
func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file", path)
	}
	return info.Size(), nil
}

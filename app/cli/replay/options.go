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

// Options configures a replay.
type Options struct {
	// Files are the recordings. Those of the same machine are posted in this
	// order.
	Files []string
	// Machine names the machine of all files; "" names each machine after its
	// file, without the extension.
	Machine string
	// Columns selects the columns and names their metrics.
	Columns Columns

	// URL is the base URL of the server, such as "http://127.0.0.1:3000".
	URL string
	// Key is the API key, sent as a bearer token; "" sends none.
	Key string
	// Gzip compresses the requests.
	Gzip bool
	// Transport sends the requests; nil uses an HTTP transport with keep-alive.
	Transport http.RoundTripper

	// Speed is a multiple of the recorded pace; 0 is as fast as the server
	// accepts readings.
	Speed float64
	// ShiftToNow replaces the recorded timestamps. With a pace, each reading
	// gets the time at which it is due. Without one (Speed 0), all readings of a
	// machine are shifted by the same amount, so that the last one is now.
	ShiftToNow bool
	// Batch is the maximum number of points per request, 1 to 10 000. A row is
	// never split.
	Batch int
	// Clients is how many machines are replayed concurrently; 0 means all of
	// them, or 4 if Speed is 0.
	Clients int

	// RetryFor limits how long one request is retried while the server is
	// unreachable or overloaded. After that the replay ends.
	RetryFor time.Duration
	// SkipRows skips rows at the beginning of a single file.
	SkipRows int64
	// State is the path of a file that records the acknowledged rows. If it
	// exists, the replay resumes from there. "" keeps no state.
	State string

	// Progress reports the progress; nil reports nothing.
	Progress *Progress
}

// ErrOptions is returned for invalid or contradictory options.
var ErrOptions = errors.New("invalid options")

// fastClients is the default of Clients without a pace: enough to keep a server
// busy.
const fastClients = 4

// validate returns the options with URL set to the endpoint, or all problems
// joined.
func (o Options) validate() (Options, error) {
	var problems []error
	invalid := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(o.Files) == 0 {
		invalid("no recording is named")
	}
	if o.Speed < 0 || math.IsNaN(o.Speed) || math.IsInf(o.Speed, 0) {
		invalid("speed %v: want a number above 0", o.Speed)
	}
	if o.Batch < 1 || o.Batch > maxColumns {
		invalid("batch %d: want 1 to %d points", o.Batch, maxColumns)
	}
	if o.Clients < 0 {
		invalid("clients %d: want 1 or more", o.Clients)
	}
	if o.RetryFor < 0 {
		invalid("retry for %v: want 0 or more", o.RetryFor)
	}
	problems = append(problems, o.validateSkip())
	var err error
	o.URL, err = telemetryURL(o.URL)
	problems = append(problems, err)
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
		return errors.New("rows can be skipped in a single file only: use a state file instead")
	case o.SkipRows > 0 && o.State != "":
		return errors.New("the state file says which rows to skip: use one or the other")
	case o.SkipRows > 0 && o.ShiftToNow && o.Speed == 0:
		return errors.New("shifting to now after skipping rows would shift the rest by a different amount than the skipped rows: use a state file instead")
	}
	return nil
}

// endpoint is the path of telemetry on a server.
const endpoint = "/api/v1/telemetry"

// telemetryURL returns the URL of the telemetry endpoint of the server at base.
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
	return u.JoinPath(endpoint).String(), nil
}

// machineOf returns the machine of the recording at path.
func (o Options) machineOf(path string) string {
	if o.Machine != "" {
		return o.Machine
	}
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// fileSize returns the size of the regular file at path.
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

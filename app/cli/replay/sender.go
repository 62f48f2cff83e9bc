package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// attemptTimeout ends a request that gets no answer; the server itself
	// gives up on storing sooner.
	attemptTimeout = 30 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxResponse = 1 << 20
)

// sender posts the batches of one machine, one at a time.
type sender struct {
	client   *http.Client
	url, key string
	retryFor time.Duration
	counters *counters
	// zip is nil where requests are sent as they are.
	gzip       *gzip.Writer
	compressed bytes.Buffer
}

// answer is what the server says of a batch: the body of a 200, or an RFC 9457
// problem, which has the same counts where every point was rejected.
type response struct {
	Accepted int          `json:"accepted"`
	Rejected int          `json:"rejected"`
	Title    string       `json:"title"`
	Detail   string       `json:"detail"`
	Errors   []pointError `json:"errors"`
}

// reason says what is wrong with one point.
type pointError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// passing is a failure that may be gone when the request is repeated.
type transientError struct {
	err error
	// kind names it in counts: a status, or "connection".
	kind string
	// after is how long the server asks to wait.
	after time.Duration
}

func (p *transientError) Error() string { return p.err.Error() }
func (p *transientError) Unwrap() error { return p.err }

// errGaveUp ends the whole replay, not just one file: the server is away.
var errUnreachable = errors.New("gave up on the server")

func newSender(o Options, client *http.Client, t *counters) *sender {
	s := &sender{client: client, url: o.URL, key: o.Key, retryFor: o.RetryFor, counters: t}
	if o.Gzip {
		s.gzip = gzip.NewWriter(&s.compressed)
	}
	return s
}

// post sends a closed batch until the server has answered for each of its
// points. Repeating it is safe: the same readings replace themselves.
func (s *sender) post(ctx context.Context, b *batch) (response, error) {
	body, err := s.encode(b.body)
	if err != nil {
		return response{}, err
	}
	var backoff backoff
	for {
		got, err := s.attempt(ctx, body, b.points)
		var failure *transientError
		if !errors.As(err, &failure) {
			s.counters.attemptSettled()
			return got, err
		}
		if ctx.Err() != nil {
			return response{}, context.Cause(ctx)
		}
		s.counters.attemptFailed(failure)
		wait := backoff.next(failure.after)
		if backoff.elapsed()+wait > s.retryFor {
			return response{}, fmt.Errorf("%w after %d attempts in %v: %w",
				errUnreachable, backoff.attempts, backoff.elapsed().Round(time.Millisecond), err)
		}
		if err := sleep(ctx, wait); err != nil {
			return response{}, err
		}
		s.counters.retries.Add(1)
	}
}

func (s *sender) encode(body []byte) ([]byte, error) {
	if s.gzip == nil {
		return body, nil
	}
	s.compressed.Reset()
	s.gzip.Reset(&s.compressed)
	if _, err := s.gzip.Write(body); err != nil {
		return nil, err
	}
	if err := s.gzip.Close(); err != nil {
		return nil, err
	}
	return s.compressed.Bytes(), nil
}

// attempt posts body once. Its error is a *passing one if it may help to
// repeat it.
func (s *sender) attempt(ctx context.Context, body []byte, points int) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", "smart-factory-backend replay")
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	if s.gzip != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	begin := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		if about, ok := errors.AsType[*url.Error](err); ok { // it repeats the method and the URL
			err = about.Err
		}
		return response{}, &transientError{err: err, kind: "connection"}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return response{}, &transientError{err: fmt.Errorf("answer cut short: %w", err), kind: "connection"}
	}
	s.counters.latency.add(time.Since(begin))
	return classify(resp, raw, points)
}

// judge tells from an answer whether the points are settled, the request is to
// be repeated, or the server will never take it.
func classify(resp *http.Response, raw []byte, points int) (response, error) {
	var got response
	notJSON := json.Unmarshal(raw, &got)
	settled := notJSON == nil && got.Accepted >= 0 && got.Rejected >= 0 && got.Accepted+got.Rejected == points
	switch status := resp.StatusCode; {
	case status == http.StatusOK && settled:
		return got, nil
	case status == http.StatusOK && notJSON != nil:
		return response{}, fmt.Errorf("the answer is not that of a telemetry server: %.80q", raw)
	case status == http.StatusOK:
		return response{}, fmt.Errorf("the server answered for %d points of %d", got.Accepted+got.Rejected, points)
	case status == http.StatusBadRequest && settled && got.Accepted == 0:
		return got, nil
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return response{}, &transientError{
			err:   got.problem(status),
			kind:  fmt.Sprint(status),
			after: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	case status >= 300 && status < 400:
		return response{}, fmt.Errorf("the server redirects to %q; give that URL", resp.Header.Get("Location"))
	default:
		return response{}, got.problem(status)
	}
}

// problem is the error that an answer other than 200 stands for.
func (a response) problem(status int) error {
	text := fmt.Sprintf("server answered %d %s", status, http.StatusText(status))
	if said := firstNonEmpty(a.Detail, a.Title); said != "" {
		text += ": " + printable(said)
	}
	if len(a.Errors) > 0 {
		text += fmt.Sprintf(" (%s: %s)", printable(a.Errors[0].Pointer), printable(a.Errors[0].Detail))
	}
	return errors.New(text)
}

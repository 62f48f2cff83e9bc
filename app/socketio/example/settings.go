package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/socketio/redisadapter"
)

// settings are the values of the flags and environment variables.
type settings struct {
	host                                      string
	port, workers                             int
	pingInterval, pingTimeout, connectTimeout time.Duration
	maxPayload, wsLimit                       int
	recovery                                  bool
	redisURL, redisKey                        string
	redisMode                                 redisadapter.Mode
	requestsTimeout                           time.Duration
	spread                                    time.Duration
}

// parseSettings reads the flags, and environment variables for those that are
// not given.
func parseSettings(args []string, env func(string) string, output io.Writer) (settings, error) {
	s := settings{
		host: "127.0.0.1", port: 13010, pingInterval: time.Second, pingTimeout: time.Second, connectTimeout: time.Second,
		maxPayload: 1_000_000, wsLimit: 16 << 20, redisKey: "socket.io", requestsTimeout: 2 * time.Second,
	}
	flags := flag.NewFlagSet("example", flag.ContinueOnError)
	flags.SetOutput(output)
	variables := map[string]string{}
	def := func(v flag.Value, name, variable, usage string) {
		flags.Var(v, name, usage+" ("+variable+")")
		variables[name] = variable
	}
	def((*text)(&s.host), "host", "HOST", "address to listen on")
	def((*count)(&s.port), "port", "PORT", "port to listen on, 0 for any")
	def((*count)(&s.workers), "workers", "CLUSTER_WORKERS", "number of workers, 0 for one per core")
	def((*duration)(&s.pingInterval), "ping-interval", "PING_INTERVAL", "time between pings; a plain number is milliseconds")
	def((*duration)(&s.pingTimeout), "ping-timeout", "PING_TIMEOUT", "time to wait for a pong")
	def((*duration)(&s.connectTimeout), "connect-timeout", "CONNECT_TIMEOUT", "time to wait for a client to join a namespace")
	def((*size)(&s.maxPayload), "max-payload", "MAX_PAYLOAD", "largest Engine.IO message, in bytes or with a unit such as KiB")
	def((*size)(&s.wsLimit), "ws-limit", "WS_LIMIT", "largest message on /echo")
	def((*toggle)(&s.recovery), "recovery", "RECOVERY", "keep sessions and events for clients that reconnect")
	def((*text)(&s.redisURL), "redis", "REDIS_URL", "Redis that connects the servers, such as redis://127.0.0.1:6379")
	def((*text)(&s.redisKey), "redis-key", "REDIS_KEY", "prefix of the channels on it")
	def(&s.redisMode, "redis-adapter", "REDIS_ADAPTER", "format of the messages: "+redisadapter.ModeNames)
	def((*duration)(&s.requestsTimeout), "requests-timeout", "REQUESTS_TIMEOUT", "time to wait for answers of other servers")
	def((*duration)(&s.spread), "shutdown-spread", "SHUTDOWN_SPREAD", "time over which clients are disconnected at shutdown")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	flags.VisitAll(func(f *flag.Flag) {
		value := env(variables[f.Name])
		if value == "" || given[f.Name] {
			return
		}
		if err := f.Value.Set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", variables[f.Name], value, err))
		}
	})
	return s, errors.Join(errs...)
}

// The flag.Value types of the settings.
type (
	text     string
	count    int
	size     int
	duration time.Duration
	toggle   bool
)

func (t *text) String() string         { return string(*t) }
func (t *text) Set(value string) error { *t = text(value); return nil }

func (c *count) String() string { return strconv.Itoa(int(*c)) }
func (c *count) Set(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 65535 {
		return errors.New("not a number from 0 to 65535")
	}
	*c = count(n)
	return nil
}

func (d *duration) String() string { return time.Duration(*d).String() }
func (d *duration) Set(value string) error {
	parsed, err := time.ParseDuration(value)
	if ms, plain := strconv.Atoi(value); plain == nil {
		parsed, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || parsed < 0 {
		return errors.New("not a time such as 300ms")
	}
	*d = duration(parsed)
	return nil
}

func (s *size) String() string { return strconv.Itoa(int(*s)) }
func (s *size) Set(value string) error {
	number, factor := strings.TrimSpace(value), 1
	for unit, by := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, found := strings.CutSuffix(number, unit); found {
			number, factor = strings.TrimSpace(rest), by
			break
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n > 1<<30/factor {
		return errors.New("not a size such as 1000000 or 16MiB")
	}
	*s = size(n * factor)
	return nil
}

func (t *toggle) String() string   { return strconv.FormatBool(bool(*t)) }
func (t *toggle) IsBoolFlag() bool { return true }
func (t *toggle) Set(value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("neither true nor false")
	}
	*t = toggle(on)
	return nil
}

package server

import (
	"errors"
	"log/slog"
	"slices"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
	"smart-factory-backend/app/web"
)

// see returns the attribute that links a log line to a section of the
// troubleshooting manual.
func see(section string) slog.Attr { return slog.String(keySee, troubleshoot(section)) }

// LogLinesLost is the section about lost log lines.
var LogLinesLost = troubleshoot("log-lines-lost")

func troubleshoot(section string) string { return web.ManualPath + "/troubleshoot#" + section }

// seeEvent returns the link for an event of the cluster. Without one it returns the
// empty attribute, which handlers leave out.
func seeEvent(e cluster.Event) slog.Attr {
	switch e.(type) {
	case cluster.WorkerFailed, cluster.WorkerBackoff:
		return see("workers-keep-restarting")
	case cluster.WorkerAbandoned:
		return see("request-stuck")
	case cluster.GaveUp:
		return see("gave-up")
	case cluster.PanicContained:
		return see("panic")
	case cluster.AcceptDelayed:
		return see("too-many-open-files")
	case cluster.ConnRefused:
		return see("connection-limits")
	case cluster.ReaderTimedOut:
		return see("slow-readers")
	case cluster.WorkersCapped:
		return see("fewer-workers-than-configured")
	case cluster.ForeignListener, cluster.SteeringFailed:
		return see("foreign-listener")
	}
	return slog.Attr{}
}

// sectionError is an error with the section of the manual that explains it.
type sectionError struct {
	error
	section string
}

func (e *sectionError) Unwrap() error { return e.error }

// storeRefusals are the reasons why an engine refuses to open a reachable database.
var storeRefusals = []error{
	sqlite.ErrNetworkFileSystem, sqlite.ErrInUse, sqlite.ErrForeignFile, sqlite.ErrNewerSchema, sqlite.ErrCorrupt,
	postgres.ErrNewerSchema, postgres.ErrForeignSchema, postgres.ErrOldServer, postgres.ErrEncoding,
}

// See returns the path of the manual section about an error from config.Load, New,
// Run, Backup or Migrate, or "" if there is none.
func See(err error) string {
	var known *sectionError
	var problems config.Problems
	var portInUse *cluster.PortInUseError
	switch {
	case errors.As(err, &problems):
		return troubleshoot("invalid-configuration")
	case errors.As(err, &portInUse):
		return troubleshoot("port-in-use")
	case errors.Is(err, cluster.ErrGaveUp):
		return troubleshoot("gave-up")
	case slices.ContainsFunc(storeRefusals, func(refusal error) bool { return errors.Is(err, refusal) }):
		return troubleshoot("store-does-not-open")
	case errors.As(err, &known):
		return troubleshoot(known.section)
	}
	return ""
}

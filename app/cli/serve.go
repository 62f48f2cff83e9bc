package cli

import (
	"context"
	"errors"
	stdlog "log"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/server"
)

func serveCommand() command {
	return command{
		name: "serve", handlesSignals: true,
		summary: "run the server (the default)",
		details: `Environment variables configure the server; "` + program + ` config" lists
them. SIGTERM and SIGINT shut it down gracefully, a second signal ends it at
once, and SIGHUP reloads the configuration, or shuts down if the terminal is gone. Exit codes: 0 graceful shutdown,
1 the server can't start or run, 70 the server gave up on its workers.`,
		run: func(ctx context.Context, _ []string, p process) error { return serve(ctx, p) },
	}
}

// logGrace is how long the end of the process waits for its last log lines.
const logGrace = time.Second

// serve runs the server until a signal or the end of ctx stops it.
func serve(ctx context.Context, p process) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(cfg.LogLevel)
	// A write to a pipe without a reader fails instead of ending the process.
	signal.Ignore(syscall.SIGPIPE)
	var log *slog.Logger
	sink := server.StartLogSink(p.stderr, func(lost uint64) {
		log.Warn("log lines lost", slog.Uint64("count", lost), slog.String("see", server.LogLinesLost))
	})
	defer sink.Close(logGrace)
	log = server.NewLogger(sink, cfg.LogFormat, level)
	// Send what other packages log through the standard logger to ours.
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer())
	for _, w := range cfg.Warnings(p.environ()) {
		log.Warn("configuration", slog.String("variable", w.Variable), slog.String("message", w.Message))
	}
	b := currentBuild()
	a, err := server.New(cfg, server.Options{
		Build: server.Build{Version: b.version, Commit: b.commit},
		Log:   log, Level: level, LogLinesLost: sink.Lost, Load: p.load,
	})
	if err != nil {
		return err
	}
	ctx, stop := handleServerSignals(ctx, a, log, sink)
	defer stop()
	err = a.Run(ctx)
	switch {
	case err == nil:
		log.Info("shutdown complete")
	case errors.Is(err, cluster.ErrGaveUp):
		log.Error("gave up", slog.String("error", err.Error()), slog.String("see", server.See(err)))
	}
	return err
}

package cli

import (
	"context"
	"fmt"
	"os"

	"smart-factory-backend/app/server"
)

func backupCommand() command {
	c := command{
		name: "backup", arguments: "FILE",
		summary: "copy the embedded database to a new file, also while it is in use",
		details: `FILE must not exist yet. The copy has all that was acknowledged before, is whole
or not there at all, and is a database like any other: put it where
DATABASE_URL or DATA_DIR points to and start on it. For PostgreSQL use pg_dump.`,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		args, code, ok := c.parseFlags(args, env, nil)
		if !ok {
			return code
		}
		cfg, err := loadVariables(env, "DATABASE_URL", "DATA_DIR")
		if err != nil {
			return fail(env, c.name, err)
		}
		if err := server.Backup(ctx, cfg, args[0]); err != nil {
			return fail(env, c.name, err)
		}
		info, err := os.Stat(args[0])
		if err != nil {
			return fail(env, c.name, err)
		}
		_, err = fmt.Fprintf(env.stdout, "%s: %d bytes\n", args[0], info.Size())
		return exitStatus(env, c.name, err)
	}
	return c
}

func migrateCommand() command {
	c := command{
		name:    "migrate",
		summary: "bring the database to this release's schema, without serving",
		details: `The server does the same when it starts. The database must not be in use; it is
created if it is missing.`,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		if _, code, ok := c.parseFlags(args, env, nil); !ok {
			return code
		}
		cfg, err := loadVariables(env, "DATABASE_URL", "DATA_DIR")
		if err != nil {
			return fail(env, c.name, err)
		}
		before, after, err := server.Migrate(ctx, cfg)
		if err != nil {
			return fail(env, c.name, err)
		}
		switch before {
		case after:
			_, err = fmt.Fprintf(env.stdout, "schema %d, nothing to do\n", after)
		case 0:
			_, err = fmt.Fprintf(env.stdout, "created with schema %d\n", after)
		default:
			_, err = fmt.Fprintf(env.stdout, "schema %d brought to %d\n", before, after)
		}
		return exitStatus(env, c.name, err)
	}
	return c
}

package cli

import (
	"context"
	"fmt"

	"smart-factory-backend/app/server"
)

func migrateCommand() command {
	c := command{
		name:    "migrate",
		summary: "migrate the database to this release's schema, then exit",
		details: `The server migrates too when it starts. The embedded database must not be in
use. A missing database is created.`,
	}
	c.run = func(ctx context.Context, args []string, p process) int {
		if _, code, ok := c.parseFlags(args, p, nil); !ok {
			return code
		}
		cfg, err := p.loadVariables("DATABASE_URL", "DATA_DIR")
		if err != nil {
			return exitStatus(p, c.name, err)
		}
		before, after, err := server.Migrate(ctx, cfg)
		if err != nil {
			return exitStatus(p, c.name, err)
		}
		switch before {
		case after:
			_, err = fmt.Fprintf(p.stdout, "schema %d, nothing to do\n", after)
		case 0:
			_, err = fmt.Fprintf(p.stdout, "created with schema %d\n", after)
		default:
			_, err = fmt.Fprintf(p.stdout, "migrated schema %d to %d\n", before, after)
		}
		return exitStatus(p, c.name, err)
	}
	return c
}

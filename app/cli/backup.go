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
		summary: "copy the embedded database to a new file, even while it is in use",
		details: `FILE must not exist. The copy contains everything acknowledged before the backup
began; an interrupted backup leaves no file. To restore, point DATABASE_URL or
DATA_DIR at the copy and start the server. For PostgreSQL use pg_dump.`,
	}
	c.run = func(ctx context.Context, args []string, p process) int {
		args, code, ok := c.parseFlags(args, p, nil)
		if !ok {
			return code
		}
		cfg, err := p.loadVariables("DATABASE_URL", "DATA_DIR")
		if err != nil {
			return exitStatus(p, c.name, err)
		}
		if err := server.Backup(ctx, cfg, args[0]); err != nil {
			return exitStatus(p, c.name, err)
		}
		info, err := os.Stat(args[0])
		if err == nil {
			_, err = fmt.Fprintf(p.stdout, "%s: %d bytes\n", args[0], info.Size())
		}
		return exitStatus(p, c.name, err)
	}
	return c
}

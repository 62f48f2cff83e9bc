import { defineConfig } from "vite";

// The server that `make web-dev` shows.
const server = "http://localhost:3000";

export default defineConfig({
  // One script and one style sheet under fixed names. One of each cannot mix with
  // those of another release while a rollout is under way.
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari18"],
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: true,
    rolldownOptions: {
      external: [/^\/socket\.io\//],
      output: {
        codeSplitting: false,
        entryFileNames: "assets/page.js",
        assetFileNames: "assets/page[extname]",
      },
    },
  },
  server: {
    // The Host header stays that of the page, so that the server takes it for its own.
    proxy: {
      "/api": { target: server },
      "/manual": { target: server },
      "/favicon.ico": { target: server },
      "/socket.io": { target: server, ws: true },
    },
  },
});

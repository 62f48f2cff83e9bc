import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/overview.css";
import "./styles/alarms.css";
import "./styles/oee.css";
import "./styles/settings.css";
import "./styles/machine.css";
import "./styles/wall.css";
import { App } from "./app";
import { applyScheme } from "./data/scheme";

applyScheme();
const root = document.getElementById("page")!;
root.replaceChildren();
render(<App />, root);

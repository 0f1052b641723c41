#!/bin/sh
# Makes doc/demo.svg from what the demo prints: its tree, and its end.
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
text=$(mktemp) || exit 1
trap 'rm -f "$text"' EXIT

# One paragraph a command; other paragraphs, and what make says before, are not
# in the picture.
make -s demo </dev/null >"$text.all" || { rm -f "$text.all"; exit 1; }
awk '/^\$ / { shown = /^\$ tend (tree|down)$/; if (shown && n++) print "" }
	/^$/ || /^Nothing is left/ { shown = 0 }
	shown' "$text.all" >"$text"
rm -f "$text.all"

awk -v lines="$(wc -l <"$text")" -v columns="$(wc -L <"$text")" '
# The n-th row; a word that says a state has its colour.
function row(n, line, class) {
	gsub(/&/, "\\&amp;", line)
	gsub(/</, "\\&lt;", line)
	gsub(/>/, "\\&gt;", line)
	gsub(/ (running|parked) /, "<tspan class=\"live\">&</tspan>", line)
	gsub(/ canceled /, "<tspan class=\"canceled\">&</tspan>", line)
	gsub(/ killed  /, "<tspan class=\"killed\">&</tspan>", line)
	printf "<text%s x=\"16\" y=\"%d\">%s</text>\n", class, 14 + n * 17, line
}
BEGIN {
	width = 32 + columns * 7.83
	height = 30 + lines * 17
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
		width, height, width, height
	print "<title>The tree of the demo, and how it is stopped</title>"
	print "<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;"
	print "fill:#c9d1d9;white-space:pre}.prompt{fill:#79c0ff;font-weight:bold}.live{fill:#7ee787}"
	print ".canceled{fill:#e3b341}.killed{fill:#ff7b72}</style>"
	printf "<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#0d1117\"/>\n", width, height
	print "<g xml:space=\"preserve\">"
}
{ row(NR, $0, /^\$/ ? " class=\"prompt\"" : "") }
END { print "</g>\n</svg>" }' "$text" >doc/demo.svg

# What the rows of the table are made with. Each line of input is a figure: round,
# case, size, clients, figure. Figures of one round are averaged, then medians are
# taken over the rounds; a ratio is taken within each round first.
#
# A row of which a figure is missing is not printed, nor is a title without rows:
# so whoever measures only some cases gets their rows.

{
	key = $2 SUBSEP $3 SUBSEP $4 SUBSEP $1
	sum[key] += $5
	figure[key] = sum[key] / ++count[key]
	if ($1 > rounds) rounds = $1
}

function sort_values(v, n,    i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
}

# op "" a figure; "-" and "/" of two in the same round. Sets low, high; where there is
# no such figure, missing, which suppresses the next row.
function median(a, asize, aclients, op, b, bsize, bclients,    r, n, v, x, y) {
	for (r = 1; r <= rounds; r++) {
		if (!((a, asize, aclients, r) in figure)) continue
		x = figure[a, asize, aclients, r]
		if (op != "") {
			if (!((b, bsize, bclients, r) in figure)) continue
			y = figure[b, bsize, bclients, r]
			if (op == "/" && y == 0) continue
			x = op == "-" ? x - y : x / y
		}
		v[++n] = x
	}
	if (n == 0) {
		missing = 1
		return ""
	}
	sort_values(v, n)
	low = v[1]; high = v[n]
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# Is there such a figure? If not, its absence is no matter of the next row.
function is_there(name, size, clients,    x) {
	x = median(name, size, clients) != ""
	missing = 0
	return x
}

function thousands(x,    s, t) {
	s = sprintf("%.0f", x)
	while (length(s) > 3) { t = "," substr(s, length(s) - 2) t; s = substr(s, 1, length(s) - 3) }
	return s t
}

function bytes(size) { return size == "" ? "" : size >= 1024 ? size / 1024 " kB" : size " B" }

function us(ns) { return sprintf("%.1f us", ns / 1000) }

function title(text) { pending_title = text }

function row(what, size, clients, result, against, range, target, met,    line) {
	if (missing) {
		missing = 0
		return
	}
	if (pending_title != "") printf "\n%s\n", pending_title
	pending_title = ""
	line = sprintf("%-38s %6s %8s %14s  %-10s %-14s %-12s %s", what, bytes(size), clients, \
		result, against, range, target, met)
	sub(/ +$/, "", line)
	print line
}

function verdict(met) { return met ? "met" : "MISSED" }

function range() { return sprintf("%.2f - %.2f", low, high) }

# A figure over another of the same round, x with its range r, beside what it should be
# at least, or at most; 0: nothing.
function compare(what, size, clients, result, x, r, least, most) {
	row(what, size, clients, result, sprintf(x < 10 ? "%.2f x" : "%.0f x", x), r, \
		least ? sprintf(">= %.2f x", least) : most ? sprintf("<= %.2f x", most) : "", \
		least ? verdict(x >= least) : most ? verdict(x <= most) : "")
}

# compare for two cases in tps, of which the row shows the first.
function tps(what, ours, theirs, size, clients, least,    x, r) {
	x = median(ours, size, clients, "/", theirs, size, clients)
	r = range()
	compare(what, size == 200 || size == 0 ? "" : size, clients, thousands(median(ours, size, clients)) " tps", x, r, least, 0)
}

# A figure in its unit (a format), beside its lowest and highest.
function plain(what, name, size, clients, unit, target, met,    x) {
	x = median(name, size, clients)
	row(what, "", clients, sprintf(unit, x), "", sprintf("%.1f - %.1f", low, high), target, met)
}

function plain_least(what, name, size, clients, unit, least,    x) {
	x = median(name, size, clients)
	missing = 0
	plain(what, name, size, clients, unit, ">= " sprintf(unit, least), verdict(x >= least))
}

function plain_most(what, name, size, clients, unit, most,    x) {
	x = median(name, size, clients)
	missing = 0
	plain(what, name, size, clients, unit, "<= " sprintf(unit, most), verdict(x <= most))
}

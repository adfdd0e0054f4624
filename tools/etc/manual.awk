# manual.awk - a manual page (roff) from what a program's --help says, so that the two cannot
# disagree. Options are lines that begin with two blanks and a name; two blanks or more part it from
# its text. What ends without a full stop and is alone on its line is a heading.
#
#     grapnel --help | awk -v name=grapnel -v version=0.1.0 -v what="..." -v also="..." -f manual.awk

function quoted(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

function paragraph() {
    if (is_open)
        print ".PP"
    is_open = 0
}

BEGIN {
    printf ".TH %s 1 \"\" \"grapnel %s\" \"User Commands\"\n", toupper(name), version
    printf ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", quoted(name), quoted(what)
}

/^usage: / { # the first begins the page, others (of commands) a section each
    sub(/^usage: /, "")
    if (usages++ == 0) {
        print ".B " quoted($0)
        print ".SH DESCRIPTION"
    } else {
        print ".SH \"" toupper(quoted($1 " " $2)) "\""
        print ".B " quoted($0)
        is_open = 1
    }
    next
}

NR == 1 { next } # what the page's name says already

/^  [^ ]/ {
    line = substr($0, 3)
    split_at = match(line, /  +/)
    if (split_at == 0 && match(line, / [A-Za-z]/) && line !~ /^-/)
        split_at = RSTART
    left = split_at ? substr(line, 1, split_at - 1) : line
    text = split_at ? substr(line, split_at) : ""
    sub(/^ +/, "", text)
    option = left
    argument = ""
    if (match(left, / /)) {
        option = substr(left, 1, RSTART - 1)
        argument = substr(left, RSTART + 1)
    }
    printf ".TP\n\\fB%s\\fR%s\n", quoted(option), argument == "" ? "" : " \\fI" quoted(argument) "\\fR"
    print text == "" ? "\\&" : quoted(text)
    is_open = 1
    next
}

/^ +[^ ]/ { # a text goes on
    sub(/^ +/, "")
    print quoted($0)
    next
}

/^$/ { next }

/^[A-Z][A-Za-z ]*:?$/ {
    sub(/:$/, "")
    print ".SS \"" quoted($0) "\""
    is_open = 0
    next
}

{
    paragraph()
    print quoted($0)
}

END {
    if (also == "")
        exit
    print ".SH SEE ALSO"
    count = split(also, names, " ")
    for (i = 1; i <= count; i++)
        printf ".BR %s (1)%s\n", quoted(names[i]), i < count ? "," : ""
}

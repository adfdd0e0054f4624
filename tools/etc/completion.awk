# completion.awk - bash completion from what a program's --help says.
#
#     grapnel --help | awk -v name=grapnel -f completion.awk

/^  --/ {
    words = words " " $1
    if ($2 == "PATH" || $2 == "FILE" || $2 == "DIR")
        files = files (files ? "|" : "") $1
}

/^  [a-z]/ { words = words " " $1 }

END {
    function_name = name
    gsub(/-/, "_", function_name)
    print "# bash completion of " name ", made from its --help."
    print "_" function_name "() {"
    print "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    if (files) {
        print "    case $before in"
        print "    " files ") mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;"
        print "    esac"
    }
    print "    mapfile -t COMPREPLY < <(compgen -W '" substr(words, 2) "' -- \"$current\")"
    print "}"
    print "complete -o filenames -F _" function_name " " name
}

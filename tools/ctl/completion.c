/* completion.c - grapnelctl completion SHELL: a script for the shell, from the table.
 *
 * All three walk the words before the cursor for noun and verb, and know for each of the two what
 * may follow. Texts of the table go through quotes in which nothing but the quote is special.
 */
#include "tools/ctl/line.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"

#include <stdio.h>

/* ---- what may follow ---- */

/* Calls back for everything that may stand behind `noun` and `verb` (NULL: not there yet). */
static void each_word(const struct noun *noun, const struct verb *verb,
                      void (*put)(const char *dashes, const char *word, const char *help))
{
    size_t cursor = 0;
    const struct option *option;
    for (const struct noun *each = nouns; !noun && each->name; each++)
        put("", each->name, each->help);
    for (const struct verb *each = noun ? noun->verbs : NULL; each && !verb && each->help; each++)
        put("", each->name, each->help);
    while (verb && (option = verb_next_option(verb, &cursor)))
        put("--", option->name, option->help);
    for (option = global_options; option->name; option++)
        put("--", option->name, option->help);
}

/* Calls `put` for the program, each noun, and each verb. */
static void each_place(void (*put)(const struct noun *noun, const struct verb *verb))
{
    put(NULL, NULL);
    for (const struct noun *noun = nouns; noun->name; noun++) {
        if (!noun_alone(noun))
            put(noun, NULL);
        for (const struct verb *verb = noun->verbs; verb->help; verb++)
            put(noun, verb);
    }
}

/* Calls `put` for each option of each verb, and for the global ones (noun NULL). */
static void each_option(void (*put)(const struct noun *noun, const struct verb *verb,
                                    const struct option *option))
{
    for (const struct option *option = global_options; option->name; option++)
        put(NULL, NULL, option);
    for (const struct noun *noun = nouns; noun->name; noun++) {
        for (const struct verb *verb = noun->verbs; verb->help; verb++) {
            size_t cursor = 0;
            const struct option *option;
            while ((option = verb_next_option(verb, &cursor)))
                put(noun, verb, option);
        }
    }
}

static bool is_file(const struct option *option)
{
    return option->argument && slice_equal(slice_str(option->argument), SLICE("FILE"));
}

/* In single quotes, as all three shells read them; `extra` is one more character to escape. */
static void put_quoted(const char *text, char extra)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (*text == extra)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void put_choices(const char *choices)
{
    for (; *choices; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

static const char *verb_word(const struct verb *verb)
{
    return verb && verb->name ? verb->name : "";
}

/* ---- bash and zsh: how the words before the cursor are walked ---- */

static void put_valued(const struct noun *noun, const struct verb *verb,
                       const struct option *option)
{
    (void)noun, (void)verb;
    if (option->argument)
        printf("|--%s", option->name);
}

static void put_walk(const char *first, const char *words, const char *current)
{
    printf("    for ((i = %s; i < %s; i++)); do\n        word=${%s[i]}\n        case $word in\n"
           "            -o",
           first, current, words);
    each_option(put_valued);
    printf(
        ") ((i++)) ;;\n            -*) ;;\n"
        "            *) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; "
        "fi ;;\n        esac\n    done\n"
        "    case $noun in");
    const char *bar = " ";
    for (const struct noun *noun = nouns; noun->name; noun++) {
        if (!noun_alone(noun))
            continue;
        printf("%s%s", bar, noun->name);
        bar = "|";
    }
    puts(") verb= ;; esac");
}

/* The pattern for "NOUN VERB PREVIOUS". */
static void put_pattern(const struct noun *noun, const struct verb *verb,
                        const struct option *option)
{
    if (noun)
        printf("        '%s %s --%s') ", noun->name, verb_word(verb), option->name);
    else
        printf("        *' --%s') ", option->name);
}

/* ---- bash ---- */

static void bash_word(const char *dashes, const char *word, const char *help)
{
    (void)help;
    printf("%s%s ", dashes, word);
}

static void bash_place(const struct noun *noun, const struct verb *verb)
{
    printf("        '%s %s') words='", noun ? noun->name : "", verb_word(verb));
    if (noun && !verb_word(verb)[0] && noun_alone(noun))
        verb = noun_alone(noun);
    each_word(noun, verb, bash_word);
    puts("' ;;");
}

static void bash_value(const struct noun *noun, const struct verb *verb,
                       const struct option *option)
{
    if (!option->argument)
        return;
    put_pattern(noun, verb, option);
    if (is_file(option)) {
        puts("COMPREPLY=($(compgen -f -- \"$current\")); return ;;");
        return;
    }
    fputs("words='", stdout);
    put_choices(option->choices ? option->choices : "");
    puts("' ;;");
}

static void put_bash(void)
{
    puts("# bash completion of grapnelctl: source it, or put it where bash-completion looks.\n"
         "_grapnelctl() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    local noun= verb= words= word i");
    put_walk("1", "COMP_WORDS", "COMP_CWORD");
    puts("    case \"$noun $verb\" in");
    each_place(bash_place);
    puts("    esac\n    case \"$noun $verb $previous\" in\n"
         "        *' -o') words='table json' ;;\n"
         "        'completion  completion') words='bash zsh fish' ;;");
    each_option(bash_value);
    puts("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
         "complete -F _grapnelctl grapnelctl");
}

/* ---- zsh ---- */

static void zsh_word(const char *dashes, const char *word, const char *help)
{
    printf("'%s%s:", dashes, word);
    put_quoted(help, ':');
    fputs("' ", stdout);
}

static void zsh_place(const struct noun *noun, const struct verb *verb)
{
    printf("        '%s %s') answers=(", noun ? noun->name : "", verb_word(verb));
    if (noun && !verb_word(verb)[0] && noun_alone(noun))
        verb = noun_alone(noun);
    each_word(noun, verb, zsh_word);
    puts(") ;;");
}

static void zsh_value(const struct noun *noun, const struct verb *verb, const struct option *option)
{
    if (!option->argument)
        return;
    put_pattern(noun, verb, option);
    if (is_file(option)) {
        puts("_files; return ;;");
        return;
    }
    fputs("answers=(", stdout);
    put_choices(option->choices ? option->choices : "");
    puts(") ;;");
}

static void put_zsh(void)
{
    puts("#compdef grapnelctl\n"
         "_grapnelctl() {\n"
         "    local noun= verb= word i previous=${words[CURRENT - 1]}\n"
         "    local -a answers");
    put_walk("2", "words", "CURRENT");
    puts("    case \"$noun $verb\" in");
    each_place(zsh_place);
    puts("    esac\n    case \"$noun $verb $previous\" in\n"
         "        *' -o') answers=(table json) ;;\n"
         "        'completion  completion') answers=(bash zsh fish) ;;");
    each_option(zsh_value);
    puts("    esac\n    _describe grapnelctl answers\n}\n"
         "if [ \"${funcstack[1]}\" = _grapnelctl ]; then _grapnelctl \"$@\"; "
         "else compdef _grapnelctl grapnelctl; fi");
}

/* ---- fish ---- */

static void put_fish_valued(const struct noun *noun, const struct verb *verb,
                            const struct option *option)
{
    (void)noun, (void)verb;
    if (option->argument)
        printf(" --%s", option->name);
}

static void fish_word(const char *place, const char *word, const char *help)
{
    printf("complete -c grapnelctl -f -n '__grapnelctl_at %s' -a %s -d '", place, word);
    put_quoted(help, '\0');
    puts("'");
}

static void fish_option(const struct noun *noun, const struct verb *verb,
                        const struct option *option)
{
    fputs("complete -c grapnelctl", stdout);
    if (noun)
        printf(" -n '__grapnelctl_at %s %s'", noun->name, verb_word(verb));
    printf(" -l %s%s", option->name, !option->argument ? "" : is_file(option) ? " -r -F" : " -x");
    if (option->choices) {
        fputs(" -a '", stdout);
        put_choices(option->choices);
        putchar('\'');
    }
    fputs(" -d '", stdout);
    put_quoted(option->help, '\0');
    puts("'");
}

static void put_fish(void)
{
    puts("# fish completion of grapnelctl.\n"
         "function __grapnelctl_at # NOUN VERB: are these the words before the cursor?\n"
         "    set -l found\n    set -l skip 0\n"
         "    for word in (commandline -opc)[2..-1]\n"
         "        if test $skip = 1\n            set skip 0\n"
         "        else if contains -- $word -o $__grapnelctl_valued\n            set skip 1\n"
         "        else if not string match -q -- '-*' $word\n"
         "            set -a found $word\n        end\n    end\n"
         "    test \"$found[1..2]\" = \"$argv\"\nend");
    fputs("set -g __grapnelctl_valued", stdout);
    each_option(put_fish_valued);
    putchar('\n');
    for (const struct noun *noun = nouns; noun->name; noun++) {
        fish_word("", noun->name, noun->help);
        for (const struct verb *verb = noun->verbs; verb->name; verb++)
            fish_word(noun->name, verb->name, verb->help);
    }
    puts("complete -c grapnelctl -f -n '__grapnelctl_at completion' -a 'bash zsh fish'");
    each_option(fish_option);
}

int run_completion(const struct line *line)
{
    struct slice shell = slice_str(line->argument);
    if (slice_equal(shell, SLICE("bash")))
        put_bash();
    else if (slice_equal(shell, SLICE("zsh")))
        put_zsh();
    else if (slice_equal(shell, SLICE("fish")))
        put_fish();
    else
        return session_complain("no completion for '%s': bash, zsh or fish", line->argument);
    return EXIT_DONE;
}

/* What is wrong with a body, and where. */
#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct faults faults;
static char pointer[FAULT_POINTER_SIZE];

static const char *printed(void)
{
    static char memory[8192];
    struct text text;
    text_init(&text, memory, sizeof memory - 1);
    faults_print(&faults, &text);
    cr_assert(text_ok(&text));
    memory[text.size] = '\0';
    return memory;
}

Test(faults, are_an_empty_array_when_there_is_none)
{
    cr_expect_str_eq(printed(), "[]");
}

Test(faults, are_listed_in_order_with_their_places)
{
    faults_add(&faults, "/url", "must be %s", "http or https");
    faults_add(&faults, "", "is \"odd\"");
    cr_expect(eq(u32, faults.count, 2));
    cr_expect_str_eq(printed(), "[{\"pointer\":\"/url\",\"detail\":\"must be http or https\"},"
                                "{\"pointer\":\"\",\"detail\":\"is \\\"odd\\\"\"}]");
}

Test(faults, are_counted_beyond_those_that_are_listed)
{
    for (unsigned i = 0; i < FAULTS_MAX + 3; i++)
        faults_add(&faults, "/x", "%u", i);
    cr_expect(eq(u32, faults.count, FAULTS_MAX + 3));
    unsigned listed = 0;
    for (const char *at = printed(); (at = strstr(at, "\"pointer\"")); at++)
        listed++;
    cr_expect(eq(u32, listed, FAULTS_MAX));
    cr_expect(strstr(printed(), "\"detail\":\"15\"}]") != NULL, "the first ones");
}

Test(faults, are_cut_and_not_longer_than_there_is_room)
{
    char longest[2 * FAULT_POINTER_SIZE + 1] = {0};
    memset(longest, 'x', sizeof longest - 1);
    faults_add(&faults, longest, "%s", longest);
    cr_expect(eq(sz, strlen(faults.list[0].pointer), FAULT_POINTER_SIZE - 1));
    cr_expect(eq(sz, strlen(faults.list[0].detail), FAULT_DETAIL_SIZE - 1));
}

Test(faults, point_to_a_member_whose_name_is_escaped)
{
    pointer_member(pointer, "/headers", SLICE("a/b~c"));
    cr_expect_str_eq(pointer, "/headers/a~1b~0c");
    pointer_member(pointer, "", SLICE(""));
    cr_expect_str_eq(pointer, "/", "an empty name is one too");
}

Test(faults, point_to_an_element_by_its_index)
{
    pointer_element(pointer, "/events", 4294967295u);
    cr_expect_str_eq(pointer, "/events/4294967295");
}

Test(faults, point_to_what_is_too_deep_as_far_as_there_is_room)
{
    char longest[FAULT_POINTER_SIZE] = {0};
    memset(longest, 'x', sizeof longest - 1);
    pointer_member(pointer, longest, SLICE("name"));
    cr_expect(lt(sz, strlen(pointer), (size_t)FAULT_POINTER_SIZE));
    pointer_element(pointer, longest, 4294967295u);
    cr_expect(lt(sz, strlen(pointer), (size_t)FAULT_POINTER_SIZE));
    cr_expect(strstr(pointer, "/4294967295") != NULL, "the index is what tells");
}

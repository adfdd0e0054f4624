/* The list: order, membership, and that removing is harmless when there is nothing to remove. */
#include "base/list.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct list_node head, other;
static struct item {
    int number;
    struct list_node link;
} items[3];

static void start(void)
{
    list_init(&head);
    list_init(&other);
    for (int i = 0; i < 3; i++) {
        items[i].number = i;
        list_init(&items[i].link);
    }
}

TestSuite(list, .init = start);

static void push_all(void)
{
    for (int i = 0; i < 3; i++)
        list_push_back(&head, &items[i].link);
}

static void expect(const struct list_node *list, const int *numbers, size_t count)
{
    const struct list_node *node = list->next;
    for (size_t i = 0; i < count; i++, node = node->next)
        cr_assert(eq(int, container_of(node, struct item, link)->number, numbers[i]));
    cr_assert(eq(ptr, (void *)node, (void *)list));
}

Test(list, keeps_the_order_of_pushing)
{
    push_all();
    expect(&head, (int[]){0, 1, 2}, 3);
}

Test(list, lets_go_of_any_node_and_only_once)
{
    push_all();
    list_remove(&items[1].link);
    expect(&head, (int[]){0, 2}, 2);
    cr_assert(not(list_is_linked(&items[1].link)));
    list_remove(&items[1].link);
    expect(&head, (int[]){0, 2}, 2);
    list_remove(&items[0].link);
    list_remove(&items[2].link);
    cr_assert(not(list_is_linked(&head)));
}

Test(list, moves_all_to_another)
{
    push_all();
    list_take_all(&other, &head);
    cr_assert(not(list_is_linked(&head)));
    expect(&other, (int[]){0, 1, 2}, 3);
    list_take_all(&other, &head);
    cr_assert(not(list_is_linked(&other)), "nothing moves nothing");
}

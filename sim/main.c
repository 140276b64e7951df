#include <stdio.h>

int main(void)
{
    fprintf(stderr, "p2pfaas sim: not built yet\n");
    return 2;
}

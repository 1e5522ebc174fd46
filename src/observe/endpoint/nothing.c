/* The shortest program: what a load generator starts when starting is what is measured. Linked statically. */
int main(void) { return 0; }

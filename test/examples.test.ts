/**
 * Every example is run and must print what its last lines say. In a program of its own, as a reader would run it:
 * that also shows that it ends by itself.
 */

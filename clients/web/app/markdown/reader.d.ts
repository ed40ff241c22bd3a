// The bundle has the types of what it is made of.

export { BlockReader, rareEntities } from "./reading/reader.js";

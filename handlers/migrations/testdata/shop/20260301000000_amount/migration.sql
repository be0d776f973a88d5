/*
  Warnings:

  - You are about to drop the column `amount_krw` on the `Payment` table. All the data in the column will be lost.

*/
-- AlterTable
ALTER TABLE "Payment" ADD COLUMN     "amount" DECIMAL(65,30);
UPDATE "Payment" SET "amount" = "amount_krw" / 100;
ALTER TABLE "Payment" DROP COLUMN "amount_krw",
ALTER COLUMN "amount" SET NOT NULL;
